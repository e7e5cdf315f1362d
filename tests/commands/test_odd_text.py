"""Labels and text that nobody expects, through the commands, with a standard output of any encoding."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relx.commands import main
from relx.utils.text import display_width

LABELS = [
    "runs",
    "runs ",
    "ru\nns",
    "runs\ud83d",
    "出生地",
    "ne\u0301e",
    "\x1b[2J",
    "r\u202e",
    "\x9b31m",
    "a\\nb",
    "é",
    "😀",
]
ENCODINGS = ["utf-8", "cp1252", "ascii", "cp437"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("odd") / "odd.jsonl"
    records = [
        {
            "tokens": [f"Mira{number}\ud83d", "runs", f"Acme{number}"],
            "entities": [{"start": 0, "end": 1, "type": label}, {"start": 2, "end": 3, "type": "ORG"}],
            "relations": [{"head": 0, "type": label, "tail": 1}],
        }
        for number, label in enumerate(LABELS)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def printed(encoding: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a command writes to a standard output of that encoding, which relx predict sets to UTF-8."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, newline="")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main([*arguments]) == 0
    stream.flush()
    return written.getvalue().decode(stream.encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", ["data", "score"])
def test_tables_stay_tables(corpus: str, command: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(encoding, monkeypatch, command, corpus, *[corpus] * (command == "score"))
    tables = [table.splitlines() for table in text.split("\n\n")]
    labels = [lines for lines in tables if any(line.split()[-1] == "1" or " runs " in line for line in lines[1:])]
    assert len(labels) >= 2
    for lines in labels:
        assert len({display_width(line) for line in lines}) == 1
        assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_keeps_every_label(corpus: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [split] = json.loads(printed(encoding, monkeypatch, "data", corpus, "--json"))["splits"]
    assert {*split["relation_types"]} == {*LABELS}
    report = json.loads(printed(encoding, monkeypatch, "score", corpus, corpus, "--json", "--protocol", "exact_span"))
    assert {*report["exact_span"]["per_relation"]} == {*LABELS}


def test_a_process_whose_standard_output_is_a_code_page_of_windows(corpus: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "relx", "data", corpus]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout and b"\\u51fa\\u751f\\u5730" in done.stdout


@pytest.mark.parametrize("form", ["brat", "conll04"])
def test_a_form_that_cannot_hold_half_a_surrogate_pair_is_one_message(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "half.jsonl"
    corpus.write_text('{"tokens": ["Mira\\ud83d"], "entities": [{"start": 0, "end": 1, "type": "PER"}]}\n')
    assert main(["convert", str(corpus), str(tmp_path / "out"), "--to", form]) == 2
    assert "Mira\\ud83d" in capsys.readouterr().err


def test_a_run_with_such_labels_ends_and_its_archive_predicts_them(
    corpus: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    data.mkdir()
    for split in ("train", "dev", "test"):
        (data / f"{split}.jsonl").write_bytes(Path(corpus).read_bytes())
    learn = ["--var", f"data={data}", "--var", "epochs=8", "-o", "data_loader.batch_size=2"]
    archive = printed("ascii", monkeypatch, "train", str(tiny), "-s", str(run), *learn).strip()
    assert "\x1b" not in (run / "samples.txt").read_text(encoding="utf-8")
    found = [json.loads(line) for line in printed("cp1252", monkeypatch, "predict", archive, corpus).splitlines()]
    types = {relation["type"] for answer in found for relation in answer["relations"]}
    assert len(types) >= len(LABELS) // 4 and types <= {*LABELS}
    report = json.loads(printed("cp1252", monkeypatch, "evaluate", archive, corpus, "--json"))
    assert {*report[corpus]["exact_span"]["per_relation"]} == {*LABELS}
    triples = printed("ascii", monkeypatch, "predict", archive, corpus, "--triples")
    assert all(not line or line.startswith(("Mira", "    Mira")) for line in triples.split("\n"))
    printed("ascii", monkeypatch, "evaluate", archive, corpus)
    printed("ascii", monkeypatch, "compare", str(run))
