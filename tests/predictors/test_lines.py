import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.errors import DataError
from relx.predictors import Predictor
from relx.predictors.lines import LinePredictor
from relx.predictors.predictor import CHUNK, NoMemory

TEXT = "Ann Lee was born in New York ."


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive)


def answers(predictor: Predictor, *lines: Any, text: bool = False) -> list[dict[str, Any]]:
    """The answer to each line, errors recorded. Lines are bytes, text, or what is to be written as JSON."""
    encoded = [line if isinstance(line, bytes) else encode(line) + b"\n" for line in lines]
    return list(respond(LinePredictor(predictor, record_errors=True), encoded, text))


def respond(predictor: LinePredictor, lines: Iterable[bytes], text: bool = False) -> Iterator[dict[str, Any]]:
    """The answers to the lines of in.jsonl."""
    return predictor.respond(predictor.inputs("in.jsonl", lines, text))


def encode(line: Any) -> bytes:
    return (line if isinstance(line, str) else json.dumps(line)).encode()


class TestAnswers:
    def test_one_for_each_line_in_order(self, predictor: Predictor) -> None:
        lines = [{"text": TEXT}, {"tokens": ["Bob"]}, "oops", {"text": ""}, {"tokens": TEXT.split(), "id": "x"}]
        found = answers(predictor, *lines)
        assert [answer.get("tokens") for answer in found] == [TEXT.split(), ["Bob"], None, [], TEXT.split()]
        assert (found[2]["line"], found[4]["id"]) == (3, "x")

    def test_characters_fit_the_text(self, predictor: Predictor) -> None:
        text = "  Ann Lee was born in New York.  "
        [answer] = answers(predictor, {"text": text})
        assert answer["text"] == text and len(answer["entities"]) == 2
        for entity in answer["entities"]:
            assert text[slice(*entity["characters"])] == entity["text"]
            assert " ".join(answer["tokens"][entity["start"] : entity["end"]]) == entity["text"]
            assert 0 <= entity["score"] <= 1
        assert 0 <= answer["relations"][0]["score"] <= 1

    def test_labels_are_not_copied(self, predictor: Predictor) -> None:
        gold = {
            "tokens": ["x", "y"],
            "entities": [{"start": 0, "end": 1, "type": "GOLD"}, {"start": 1, "end": 2}],
            "relations": [{"head": 0, "type": "gold", "tail": 1}],
        }
        labeled, plain = answers(predictor, gold, {"tokens": ["x", "y"]})
        assert labeled == plain and "gold" not in json.dumps(labeled).lower()

    def test_what_belongs_to_the_sentence_is_carried(self, predictor: Predictor) -> None:
        line = {
            "id": "é", "text": "a b", "tokens": ["a", "b"], "offsets": [[0, 1], [2, 3]], "pos_tags": ["X", "Y"],
            "heads": [2, 0], "meta": {"any": [1, None, {"deep": True}]},
        }  # fmt: skip
        [answer] = answers(predictor, line)
        assert {key: answer[key] for key in line} == line

    def test_a_record_by_characters(self, predictor: Predictor) -> None:
        [answer] = answers(predictor, {"text": TEXT, "entities": [{"characters": [0, 7]}]})
        assert answer["tokens"] == TEXT.split()

    def test_more_lines_than_are_read_at_once(self, predictor: Predictor) -> None:
        lines = [{"tokens": [f"w{number}"]} for number in range(CHUNK + 3)]
        found = answers(predictor, *lines, "bad")
        assert [answer.get("tokens") for answer in found[:-1]] == [line["tokens"] for line in lines]
        assert found[-1]["line"] == CHUNK + 4


class TestPlainText:
    def test_each_line_is_a_text(self, predictor: Predictor) -> None:
        found = answers(predictor, TEXT, "", '{"tokens": 1}', " \t ", text=True)
        assert [answer["text"] for answer in found] == [TEXT, "", '{"tokens": 1}', " \t "]
        assert found[1]["tokens"] == [] and len(found[0]["relations"]) == 1

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_line_ends_do_not_belong_to_it(self, predictor: Predictor, end: bytes) -> None:
        assert answers(predictor, b"a b" + end, text=True)[0]["text"] == "a b"

    def test_a_byte_order_mark_is_dropped_at_the_start_only(self, predictor: Predictor) -> None:
        found = answers(predictor, b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n", text=True)
        assert [answer["text"] for answer in found] == ["a", "\ufeffb"]

    def test_what_is_not_utf8_is_a_failure(self, predictor: Predictor) -> None:
        [failure] = answers(predictor, b"Bogot\xe1\n", text=True)
        assert failure == {"error": "not UTF-8 text (byte 6 of the line)", "line": 1}


HOSTILE = {
    "control characters": "a\x00b\x07 \x1b[31m Rome \x7f\x85",
    "half of a surrogate pair": "Ann \ud800 Lee \udfff",
    "right to left": "وُلدت آن لي في نيويورك . ולדה",
    "only punctuation": "?!...,,;;--''``«»()",
    "one long word": "x" * 100_000,
    "many words": "Ann Lee was born in New York . " * 3_200,
    "much punctuation": ".," * 10_000,
    "emoji and marks": "👩‍👩‍👧 e\u0301\u0302 \U0010ffff",
    "strange spaces": "a\u00a0b\u2003c\u3000d\u200be\u2028f",
    "newlines inside": "a\nb\r\nc\vd",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_strange_text_is_answered(predictor: Predictor, name: str) -> None:
    [answer] = answers(predictor, {"text": HOSTILE[name]})
    assert answer["text"] == HOSTILE[name]
    for token, (start, end) in zip(answer["tokens"], answer["offsets"], strict=True):
        assert answer["text"][start:end] == token
    for entity in answer["entities"]:
        assert answer["text"][slice(*entity["characters"])] == entity["text"]


BAD = {
    "": "the line is empty; expected a JSON object with text or tokens",
    " \t ": "the line is empty",
    "plain text": "not JSON at column 1: Expecting value (a file of records has a record in each line)",
    '{"text": "a"': "not JSON at column 13",
    '{"text": "a"} {}': "not JSON at column 15: Extra data",
    '{"text": "a\tb"}': "not JSON at column 12: Invalid control character",
    "[" * 100_000: "not usable as JSON: nested too deeply",
    '{"text": "a", "meta": {"n": ' + "9" * 5_000 + "}}": "not usable as JSON: a number has too many digits",
    '{"text": "a", "meta": {"n": 1e999}}': "not usable as JSON: 1e999 is too large a number",
    '{"text": "a", "meta": {"n": NaN}}': "not usable as JSON: NaN is not a JSON number",
    '"text"': 'record: expected an object, got "text"',
    "[]": "record: expected an object, got a list of 0",
    "null": "record: expected an object, got null",
    "{}": "tokens: missing",
    '{"text": 5}': "text: expected a string, got 5",
    '{"text": null}': "tokens: missing",
    '{"tokens": "a b"}': 'tokens: expected a list, got "a b"',
    '{"tokens": ["a", 1.5]}': "tokens[1]: expected a string, got 1.5",
    '{"tokens": ["a", ""]}': 'tokens[1]: expected a word, got ""',
    '{"tokens": ["a"], "offsets": [[0, 1]]}': "offsets: need text",
    '{"text": "a", "id": 5.5}': "id: expected a string or a whole number, got 5.5",
    '{"txt": "a"}': "txt: unknown key; did you mean 'text'?",
    '{"text": "a", "entities": [{"start": 0, "end": 9}]}': "entities[0]: expected 0 <= start < end <= 1 (tokens)",
}


class TestFailures:
    @pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
    def test_a_bad_line_is_answered_in_its_place(self, predictor: Predictor, line: str) -> None:
        before, failure, after = answers(predictor, {"text": TEXT}, line, {"text": TEXT})
        assert failure.keys() == {"error", "line"} and failure["line"] == 2
        assert failure["error"].startswith(BAD[line])
        assert before == after and "tokens" in before

    @pytest.mark.parametrize(
        ("line", "form"), [({"sentext": "a", "relations": []}, "hrl"), ({"text": "a", "triple_list": []}, "triples")]
    )
    def test_a_corpus_in_another_form_is_recognized(self, predictor: Predictor, line: Any, form: str) -> None:
        [failure] = answers(predictor, line)
        assert (
            f"this looks like the form of the reader {form!r}; convert it with: relx convert --from {form} "
            in failure["error"]
        )

    def test_a_record_over_several_lines_is_told_so(self, predictor: Predictor) -> None:
        failures = answers(predictor, "{", '"text": "a"', "}")
        assert "a record must be on one line" in failures[0]["error"]

    def test_a_form_of_its_own_is_not_offered(self, predictor: Predictor) -> None:
        [failure] = answers(predictor, {"tokens": ["a", 1]})
        assert "relx convert" not in failure["error"]

    def test_a_depth_that_can_be_read_can_be_written(self, predictor: Predictor) -> None:
        for depth in range(880, 1000, 3):
            line = '{"tokens": ["a"], "meta": {"a": ' + "[" * depth + "]" * depth + "}}"
            for answer in answers(predictor, line):
                json.dumps(answer)

    def test_stopping_names_file_and_line(self, predictor: Predictor) -> None:
        stream = respond(LinePredictor(predictor), [b'{"text": "a"}\n', b"oops\n"])
        assert next(stream)["text"] == "a"
        with pytest.raises(DataError) as caught:
            next(stream)
        assert str(caught.value).startswith("in.jsonl:2: not JSON at column 1")
        assert str(caught.value).endswith("(--on-error record continues after a bad line)")


class TestMemory:
    """A sentence that needs more memory than there is, between others that do not."""

    @pytest.fixture
    def cramped(self, archive: str, monkeypatch: pytest.MonkeyPatch) -> Predictor:
        predictor = Predictor.load(archive)
        extract = predictor.model.extract

        def limited(examples: list[Example], loader: DataLoader, *choices: Any) -> list[Example]:
            if any(len(example) > 50 for example in examples):
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes")
            return extract(examples, loader, *choices)

        monkeypatch.setattr(predictor.model, "extract", limited)
        return predictor

    LINES = [b'{"text": "Ann Lee was born in Rome ."}', b'{"text": "%s"}' % (b"a " * 60), b"5", b'{"text": "b"}']

    def test_it_is_reported_in_its_place(self, cramped: Predictor) -> None:
        answers = list(respond(LinePredictor(cramped, record_errors=True), self.LINES))
        assert answers[1] == {"error": "not enough memory for a sentence of 60 tokens; split it", "line": 2}
        assert [answer.get("line") for answer in answers] == [None, 2, 3, None]
        assert answers[0]["relations"] and answers[3]["tokens"] == ["b"]

    def test_it_stops_the_run_unless_told_otherwise(self, cramped: Predictor) -> None:
        with pytest.raises(DataError, match="^in.jsonl:2: not enough memory for a sentence of 60 tokens"):
            list(respond(LinePredictor(cramped), self.LINES))
        with pytest.raises(NoMemory, match="60 tokens"):
            cramped(["a", "a " * 60])

    def test_any_other_error_is_not_taken_for_it(self, cramped: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(examples: list[Example], loader: DataLoader, *choices: Any) -> list[Example]:
            raise RuntimeError("a bug")

        monkeypatch.setattr(cramped.model, "extract", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            cramped(["a"])


def test_a_line_may_be_too_long(predictor: Predictor) -> None:
    lines = [b'{"tokens": ["a", "b"]}', b'{"tokens": ["a", "b", "c"]}']
    short, long = respond(LinePredictor(predictor, record_errors=True, longest=2), lines)
    assert short["tokens"] == ["a", "b"]
    assert long == {"error": "3 tokens are more than 2 (--longest); split the text", "line": 2}
