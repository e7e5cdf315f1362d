"""``relx predict`` on texts, folders and records of any length."""

import gzip
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from relx.commands import main

TEXT = "Ann Lee was born in New York . Bob left Oslo .\n\nDan works in Rome now .\n"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(TEXT)
    Path("in.jsonl").write_text(
        json.dumps({"text": TEXT, "id": "r"}) + "\n" + json.dumps({"tokens": TEXT.split()}) + "\n"
    )
    for name in ("b.txt", "more/c.txt", ".hidden/d.txt", "e.md"):
        Path("folder", name).parent.mkdir(parents=True, exist_ok=True)
        Path("folder", name).write_text("Dan was born in Oslo . ann lee works in Rome now .")


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def triples(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    entities = {entity["id"]: entity["text"] for entity in answer["entities"]}
    return [(entities[r["head"]], r["type"], entities[r["tail"]]) for r in answer["relations"]]


def test_a_text_is_one_document(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", archive, "a.txt"]) == 0
    out, err = capsys.readouterr()
    [answer] = answers(out)
    assert (answer["id"], answer["text"], len(answer["sentences"]), err) == ("a", TEXT, 3, "")
    assert triples(answer) == [("Ann Lee", "born_in", "New York"), ("Dan", "works_in", "Rome")]
    for entity in answer["entities"]:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"]
        sentence = answer["sentences"][entity["sentence"]]
        assert sentence["start"] <= entity["start"] < entity["end"] <= sentence["end"]
    assert answer["mentions"][0] == {"type": "PER", "name": "Ann Lee", "count": 1, "places": [[0, 7]]}


def test_several_texts_and_folders(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert main(["predict", archive, "a.txt", "folder", "a.txt.gz"]) == 0
    found = answers(capsys.readouterr().out)
    assert [answer["id"] for answer in found] == ["a.txt", "b", "more/c", "a.txt.gz"]
    assert found[0]["relations"] == found[3]["relations"] and len(found[1]["sentences"]) == 2


def test_records_with_a_text_are_documents_and_those_with_tokens_sentences(
    archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", archive, "in.jsonl"]) == 0
    document, sentence = answers(capsys.readouterr().out)
    assert (document["id"], len(document["sentences"]), sentence["tokens"]) == ("r", 3, TEXT.split())
    assert "sentences" not in sentence


@pytest.mark.parametrize("content", [TEXT, json.dumps({"text": TEXT}), "\n\n" + json.dumps({"text": TEXT})])
def test_standard_input_holds_a_text_or_records(
    archive: str, content: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert main(["predict", archive, "-", "--on-error", "record", "--max-errors", "1"]) == 0
    assert len(answers(capsys.readouterr().out)[-1]["sentences"]) == 3


def test_with_sentences_each_line_is_one(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--sentences", "--text"):
        assert main(["predict", archive, "a.txt", "in.jsonl", option]) == 0
        found = answers(capsys.readouterr().out)
        assert [answer["text"] for answer in found[:4]] == [*TEXT.split("\n")[:3], TEXT]
        assert len(found) == 5 and not any("sentences" in answer for answer in found)


def test_each_triple_is_listed_once(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("twice.txt").write_text("Dan works in Rome now .\nAnn Lee was born in Oslo . Dan works in Rome now .")
    assert main(["predict", archive, "twice.txt", "--triples"]) == 0
    lines = sorted(capsys.readouterr().out.splitlines())
    assert lines[0].startswith("Ann Lee  --born_in->  Oslo  (0.") and lines[0].endswith(")  1x  twice:24-48")
    assert lines[1].startswith("Dan  --works_in->  Rome  (0.") and lines[1].endswith(")  2x  twice:0-17, twice:51-68")


def test_a_window_that_the_training_did_not_have_is_said(archive: str, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["predict", archive, "a.txt", "--window", "2"]) == 0
    assert "the model was trained on windows of 1 sentence and reads windows of 2 sentences now" in caplog.text
    caplog.clear()
    assert main(["predict", archive, "a.txt", "--window", "2", "-o", "dataset_reader.window=2"]) == 0
    assert not caplog.records


def test_windows_tell_how_many_relations_join_sentences(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", archive, "a.txt", "--window", "2"]) == 0
    out, err = capsys.readouterr()
    [answer] = answers(out)
    assert len(answer["sentences"]) == 3
    assert err.endswith("relations join two sentences\n") or err.endswith("relation join two sentences\n")


def test_long_sentences_are_read_in_pieces_which_is_said(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", archive, "a.txt", "--longest", "5"]) == 0
    out, err = capsys.readouterr()
    assert [len(sentence["tokens"]) for sentence in answers(out)[0]["sentences"]] == [5, 3, 4, 5, 1]
    assert err == "relx read 2 sentences of more than 5 tokens (--longest) in pieces; no relation joins two pieces\n"


def test_what_relx_wrote_is_read_again_and_scored(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", archive, "a.txt", "folder", "--output", "out.jsonl"]) == 0
    assert main(["predict", archive, "out.jsonl", "--output", "again.jsonl"]) == 0
    assert Path("again.jsonl").read_bytes() == Path("out.jsonl").read_bytes()
    assert main(["score", "out.jsonl", "again.jsonl", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["exact_span"]["triples"]["f1"] == 1.0
    assert main(["convert", "out.jsonl", "notes", "--to", "brat", "--untyped", "X"]) == 0
    assert Path("notes/a.txt").read_text().split() == TEXT.split()


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "bad.txt: holds no text"),
            (b" \n\t\n", "bad.txt: holds no text"),
            (b"one\n\x00two", "bad.txt: not a text file: line 2 has a NUL byte"),
            (b"one\ntwo\xe9", "bad.txt: not UTF-8 text (byte 4 of line 2); convert it, for example with: iconv"),
        ],
    )
    def test_a_bad_file_is_one_message_before_anything_is_written(
        self, archive: str, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("bad.txt").write_bytes(content)
        assert main(["predict", archive, "a.txt", "bad.txt", "--output", "out.jsonl"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"error: {message}") and err.count("\n") == 1
        assert sorted(os.listdir()) == ["a.txt", "bad.txt", "folder", "in.jsonl"]

    def test_all_bad_files_are_reported_together(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("empty.txt").touch()
        Path("bare").mkdir()
        assert main(["predict", archive, "empty.txt", "gone.txt", "a.txt"]) == 2
        assert capsys.readouterr().err.startswith(
            "error: 2 faults\n  empty.txt: holds no text\n  gone.txt: no such file"
        )
        assert main(["predict", archive, "bare", "a.txt"]) == 2
        assert capsys.readouterr().err == "error: bare: holds no .txt file\n"

    def test_or_recorded_with_their_file(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("bad.txt").write_bytes(b"\x00")
        Path("bad.jsonl").write_text('oops\n{"text": 1}\n')
        files = ["bad.txt", "a.txt", "folder", "bad.jsonl"]
        assert main(["predict", archive, *files, "--on-error", "record", "--output", "out.jsonl"]) == 0
        found = answers(Path("out.jsonl").read_text())
        assert [answer.get("file") for answer in found] == ["bad.txt", None, None, None, "bad.jsonl", "bad.jsonl"]
        assert found[0] == {"error": "not a text file: line 1 has a NUL byte", "line": 1, "file": "bad.txt"}
        assert "3 of 6 lines have no prediction; the first is bad.txt: not a text file" in capsys.readouterr().err
        assert main(["predict", archive, "out.jsonl"]) == 0
        assert sum("error" in answer for answer in answers(capsys.readouterr().out)) == 3

    @pytest.mark.parametrize("option", [[], ["--sentences"]])
    def test_a_line_that_is_too_long(
        self, archive: str, option: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("relx.predictors.lines.LARGEST", 1000)
        monkeypatch.setattr("relx.predictors.lines.LONGEST_LINE", 1000)
        for size, message in ((1500, "1,500 characters are too"), (5000, "too l")):
            Path("long.txt").write_text("a " * (size // 2 - 1) + "b.")
            assert main(["predict", archive, "long.txt", *option]) == 2
            assert message in capsys.readouterr().err or option

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--window", "0"], "--window 0: expected a number of sentences, at least 1"),
            (["--window", "-2"], "--window -2: expected a number of sentences, at least 1"),
            (["--window", "2", "--sentences"], "--window has no effect with --sentences"),
        ],
    )
    def test_a_window_that_is_none(
        self, archive: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", archive, "a.txt", *options]) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize("option", [[], ["--sentences"]])
def test_slim_lines_hold_spans_types_and_relations(
    option: list[str], archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("in.jsonl", "a") as file:
        file.write('{"tokens": [1]}\n')
    arguments = ["predict", archive, "in.jsonl", "--on-error", "record", *option]
    assert main(arguments) == 0
    full = answers(capsys.readouterr().out)
    assert main([*arguments, "--slim"]) == 0
    text, words, error = answers(capsys.readouterr().out)
    assert text.keys() == {"id", "entities", "relations"} and text["id"] == "r"
    assert words.keys() == {"entities", "relations"} and error == full[2]
    assert [TEXT[start:end] for start, end, _ in text["entities"]] == [entity["text"] for entity in full[0]["entities"]]
    assert [type for _, _, type in text["entities"]] == [entity.get("type") for entity in full[0]["entities"]]
    assert words["entities"] == [[e["start"], e["end"], e.get("type")] for e in full[1]["entities"]]
    for answer, shown in zip((text, words), full, strict=False):
        ids = [entity.get("id", number) for number, entity in enumerate(shown["entities"])]
        found = [(ids[head], type, ids[tail]) for head, type, tail in answer["relations"]]
        assert found == [(r["head"], r["type"], r["tail"]) for r in shown["relations"]] and found


@pytest.mark.parametrize("option", [["--triples"], ["--column", "text", "--output", "out"]])
def test_slim_lines_have_no_other_form(option: list[str], archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", archive, "in.jsonl", "--slim", *option]) == 2
    assert "--slim" in capsys.readouterr().err
