"""``relx serve``: a real server process, asked over HTTP."""

import json
import re
import shlex
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from servers import Running, serving

from relx.commands import _parser, main
from relx.data.document_json import document_to_json
from relx.data.json_form import example_to_json
from relx.predictors import Predictor

pytest.importorskip("fastapi")
ROOT = Path(__file__).resolve().parents[2]
TEXT = "Ann Lee was born in New York . Bob works in Oslo now ."
SENTENCE = {"tokens": ["Ann", "Lee", "was", "born", "in", "New", "York", "."], "id": "a"}
TOKEN = {"Authorization": "Bearer a-token"}
SLOW = """
import time
from relx.predictors.predictor import Predictor
answer = Predictor.answer
def slow(self, parts, decision=None):
    time.sleep(1.2 * any("sleep" in part.tokens for part in parts))
    if any("panic" in part.tokens for part in parts):
        raise KeyError(str(parts[0].tokens))
    return answer(self, parts, decision)
Predictor.answer = slow
from relx.serving.app import BoundedProtocol
BoundedProtocol.head_seconds = 0.3
"""


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive)


@pytest.fixture
def strict(archive: str, tmp_path: Path) -> Iterator[Running]:
    """A server with a token that takes two requests at a time, and sleeps over some texts."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "token").write_text("a-token\n")
    options = ["--max-queue", 2, "--max-seconds", 2, "--token-file", tmp_path / "token"]
    with serving(archive, *options, "--include", tmp_path / "slow.py") as running:
        yield running


def alike(found: Any, expected: Any) -> bool:
    """Whether two JSON values are equal, scores up to the rounding of another batch."""
    cut = re.compile(r'("score": 0\.\d{4})\d*')
    return cut.sub(r"\1", json.dumps(found)) == cut.sub(r"\1", json.dumps(expected))


def test_answers_are_those_of_relx_predict(server: Running, predictor: Predictor) -> None:
    document = document_to_json(predictor.predict_document(TEXT))
    assert alike(server.ask("/predict", {"text": TEXT}).json, document)
    assert alike(server.ask("/predict", json.dumps(TEXT)).json, document)
    assert alike(server.ask("/predict", TEXT, Content_Type="text/plain; charset=utf-8").json, document)
    sentence = example_to_json(predictor.predict(SENTENCE))
    assert sentence["relations"][0]["type"] == "born_in"
    assert alike(server.ask("/predict", SENTENCE).json, sentence)
    assert alike(server.ask("/predict", [SENTENCE, {"text": TEXT}]).json, [sentence, document])
    lines = server.ask("/predict", f"{json.dumps(SENTENCE)}\n{json.dumps(TEXT)}\n", Content_Type="application/x-ndjson")
    assert alike([json.loads(line) for line in lines.body.splitlines()], [sentence, document])
    whole = example_to_json(predictor.predict(TEXT))
    assert alike(server.ask("/predict?sentences=true", {"text": TEXT}).json, whole)
    assert alike(server.ask("/predict?sentences=1", f"{TEXT}\n\nBob", Content_Type="text/plain").json[0], whole)
    assert server.ask("/predict", []).json == []


def test_options_are_those_of_relx_predict(server: Running, predictor: Predictor) -> None:
    found = server.ask("/predict?min_score=0&min_score=relations=1&model=two&sentences=1", TEXT.encode())
    assert (found.status, found.json["error"][:8]) == (422, "the body")
    found = server.ask("/predict?min_score=0.0&min_score=relations%3D1&model=two", {"text": TEXT})
    expected = predictor.predict_document(TEXT, min_score={"entities": 0, "relations": 1})
    assert alike(found.json, document_to_json(expected)) and found.json["relations"] == []
    windowed = server.ask("/predict?window=2", {"text": TEXT})
    assert windowed.headers["relx-notes"].startswith("0 of ")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body: not JSON at column 2"),
        (b'[\n"a",\n}', "the body: line 3: not JSON at column 1"),
        (b'{"text": "a\xff"}', "the body is not UTF-8 text (byte 12)"),
        (b'{"text": NaN}', "NaN is not a JSON number"),
        (b"[" * 5000, "the body: not "),  # nested too deeply, or not closed: it depends on Python
        (b"5", "record: expected an object, got 5"),
        (b'{"tokens": ["a", 5]}', "tokens[1]: expected a string, got 5"),
        (b'["a", {"tokens": ["a", 5]}]', "[1]: tokens[1]: expected a string, got 5"),
        (b'{"tokens": ["a"], "offsets": [[0, 1]]}', "offsets: need text"),
    ],
)
def test_bad_input_is_answered_with_its_place(server: Running, body: bytes, error: str) -> None:
    reply = server.ask("/predict", body)
    assert reply.status == 422
    assert error in reply.json["error"]


def test_every_fault_of_a_batch_is_listed(server: Running) -> None:
    reply = server.ask("/predict", [5, "fine", {"tokens": [""]}])
    assert [fault["input"] for fault in reply.json["faults"]] == [0, 2]
    reply = server.ask("/predict", '"fine"\n{\n[', Content_Type="application/x-ndjson")
    assert [fault["input"] for fault in reply.json["faults"]] == [1, 2]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/predict?windw=2", 422, "query.windw: no such option; did you mean 'window'?"),
        ("/predict?window=x", 422, "query.window: Input should be a valid integer"),
        ("/predict?min_score=PERS=.5", 422, "no such type; did you mean 'PER'"),
        ("/predict?given_entities=1", 422, "finds its entities itself"),
        ("/predict?model=tow", 404, "no model is called \"tow\"; did you mean 'two'?"),
        ("/predcit", 404, "Not Found"),
        ("/models", 405, "Method Not Allowed"),
    ],
)
def test_a_bad_request_is_refused(server: Running, path: str, status: int, error: str) -> None:
    reply = server.ask(path, {"text": "Bob"})
    assert (reply.status, error in reply.json["error"]) == (status, True), reply.json


def test_limits(server: Running) -> None:
    assert server.ask("/predict", ["Bob"] * 21).json["error"].startswith("the request has 21 sentences, more than 20")
    assert server.ask("/predict", "x " * 201, Content_Type="text/plain").status == 413
    assert server.ask("/predict?window=4", ("Bob . " * 30).encode(), Content_Type="text/plain").status == 413
    large = server.ask("/predict", b"x" * 3_000_000)
    assert (large.status, large.headers["connection"]) == (413, "close")
    assert server.ask("/predict", b"x" * 20_000, Expect="100-continue").status == 413
    assert server.ask("/predict", b"x", Content_Encoding="gzip").status == 415
    one = server.ask("/predict", {"tokens": ["x"] * 600})
    assert (one.status, one.json["error"]) == (422, "600 tokens are more than 512 (--longest); split the text")


def test_broken_connections_are_answered(server: Running) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    assert server.raw(head, b'{"text"', end=True).status == 400
    assert server.raw(b"POST /pre", end=True).status == 400
    assert server.raw(b"no HTTP\r\n\r\n").status == 400
    assert server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000).status in (400, 431)
    waiting = b'POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"Bob"'
    assert server.raw(waiting, end=True).status == 200
    assert server.ask("/health").json == {"status": "alive"}


def test_other_sites_cannot_use_a_local_service(server: Running) -> None:
    assert server.ask("/predict", ["Bob"], Origin="https://evil.example").status == 403
    assert server.ask("/predict", ["Bob"], Host="evil.example").status == 403
    assert server.ask("/predict", ["Bob"], Origin="null").status == 403
    assert "access-control-allow-origin" not in server.ask("/predict", ["Bob"]).headers
    friend = server.ask("/predict", ["Bob"], Origin="https://friend.example")
    assert (friend.status, friend.headers["access-control-allow-origin"]) == (200, "https://friend.example")
    asked = {"Origin": "https://friend.example", "Access_Control_Request_Method": "POST"}
    assert server.ask("/predict", method="OPTIONS", **asked).status == 200


def test_facts_and_counts(server: Running) -> None:
    assert server.ask("/ready").json == {"status": "ready"}
    one, two = server.ask("/models").json["models"]
    assert (one["name"], two["name"], one["protocols"]) == ("one", "two", ["exact_span", "last_word"])
    assert set(one["relations"]) == {"born_in", "works_in"} and one["scores"]["test"] and one["date"]
    assert "/tmp" not in json.dumps([one, two])
    before = server.ask("/metrics").body.decode()
    server.ask("/predict?model=two", ["Bob", "Ann"])
    after = server.ask("/metrics").body.decode()
    counts = [re.search(r'relx_sentences_total\{model="two"\} (\S+)', text) for text in (before, after)]
    first, second = (float(match[1]) if match else 0 for match in counts)
    assert second == first + 2
    assert 'relx_requests_total{path="/predict",status="200"}' in after
    paths = server.ask("/openapi.json").json["paths"]
    assert set(paths) >= {"/predict", "/health", "/ready", "/models", "/metrics"}


def test_concurrent_requests_get_their_own_answers(server: Running, predictor: Predictor) -> None:
    texts = [f"Ann Lee was born in New York {i} times ." for i in range(40)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: server.ask("/predict?sentences=1", json.dumps(text)).json, texts))
    assert alike(found, [example_to_json(example) for example in predictor.predict(texts)])


def test_a_token_a_full_queue_and_time(strict: Running) -> None:
    assert [strict.ask(path).status for path in ("/health", "/ready", "/models", "/metrics")] == [200, 200, 401, 401]
    denied = [
        strict.ask("/predict", ["Bob"], Authorization=given) for given in ("", "Bearer", "Bearer a-tokem", "a-token")
    ]
    assert [reply.status for reply in denied] == [401] * 4
    assert strict.ask("/predict", ["Bob"], **TOKEN).status == 200
    with ThreadPoolExecutor(5) as pool:
        replies = list(pool.map(lambda _: strict.ask("/predict", ["sleep"], **TOKEN), range(5)))
    statuses = sorted(reply.status for reply in replies)
    assert statuses.count(429) == 3 and set(statuses) <= {200, 429, 504}
    assert next(reply for reply in replies if reply.status == 429).headers["retry-after"] == "1"
    long = [["sleep"] * 3000, ["sleep"] * 3000]
    late = strict.ask("/predict", {"text": " . ".join(" ".join(words[:400]) for words in long * 12)}, **TOKEN)
    assert (late.status, late.json["error"]) == (504, "the prediction took more than 2 s; send less at once")
    time.sleep(1.3)
    assert strict.ask("/predict", ["Bob"], **TOKEN).status == 200


def test_slow_requests_are_ended(strict: Running) -> None:
    assert strict.raw(b"GET /health HTTP/1.1\r\nHost: local").status == 408
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-token\r\n"
    late = strict.raw(head + b"Content-Length: 100\r\n\r\nx")
    assert (late.status, late.json["error"]) == (408, "the body did not arrive within 2 s")


def test_a_missing_extra_is_one_message(
    archive: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["serve", archive]) == 2
    assert "pip install 'relx[serve]'" in capsys.readouterr().err


def test_the_log_has_no_text_and_sigterm_drains(strict: Running) -> None:
    assert strict.ask("/predict", ["panic"], **TOKEN).status == 500
    replies: list[int] = []
    slow = threading.Thread(target=lambda: replies.append(strict.ask("/predict", ["sleep"], **TOKEN).status))
    slow.start()
    time.sleep(0.4)
    assert strict.stop() == 0
    slow.join()
    assert replies == [200]
    assert "POST /predict 200" in strict.log and "KeyError" in strict.log and "slow.py" in strict.log
    assert "['panic']" not in strict.log and "['sleep']" not in strict.log


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--port", "99999"], "--port 99999: cannot be used"),
        (["--max-queue", "0"], "--max-queue 0: expected a number above 0"),
        (["--cors", "example.org"], "--cors example.org: expected an origin"),
        (["--token-file", "nowhere"], "nowhere: no such file"),
        (["{archive}"], "two archives have the name 'run'; write NAME=ARCHIVE"),
    ],
)
def test_what_cannot_be_served(
    archive: str, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", archive, *(argument.format(archive=archive) for argument in arguments)]) == 2
    assert error in capsys.readouterr().err


def test_the_commands_of_the_page_parse_and_its_requests_are_answered(server: Running) -> None:
    lines = (ROOT / "docs" / "serve.md").read_text().splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("    relx ")]
    assert [_parser().parse_args(command).run for command in commands]
    requests = [re.fullmatch(r"    curl localhost:8000(/\S+) -d '(.*)'", line) for line in lines]
    replies = [server.ask(found[1], found[2]) for found in requests if found is not None]
    assert [reply.status for reply in replies] == [200, 200]
