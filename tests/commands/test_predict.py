import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny as sample

from relx.commands import main

TEXT = "Ann Lee was born in New York ."


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(json.dumps({"text": TEXT}) + '\n{"tokens": ["é"]}\n', encoding="utf-8")
    Path("bad.jsonl").write_text(json.dumps({"text": TEXT}) + '\noops\n{"text": "b"}\n')


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def tokens(text: str) -> list[list[str] | None]:
    return [answer.get("tokens") for answer in answers(text)]


class TestInput:
    def test_lines_of_json(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl"]) == 0
        first, second = answers(capsys.readouterr().out)
        [relation] = first["relations"]
        mentions = [first["entities"][relation[argument]]["characters"] for argument in ("head", "tail")]
        assert [TEXT[start:end] for start, end in mentions] == ["Ann Lee", "New York"]
        assert second["tokens"] == ["é"]

    def test_plain_text(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("in.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode() + b"\r\n\r\nlast")
        assert main(["predict", "--sentences", archive, "in.txt"]) == 0
        assert [answer["text"] for answer in answers(capsys.readouterr().out)] == [TEXT, "", "last"]

    def test_labeled_data_of_the_run(self, archive: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, str(tiny.parent / "dev.jsonl")]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 36

    def test_a_corpus_of_another_form(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        words = [TEXT.split(), ["Bob", "left", "."]]
        record = {
            "doc_key": "d",
            "sentences": words,
            "ner": [[[0, 1, "PER"], [5, 6, "LOC"]], []],
            "relations": [[], []],
        }
        Path("in.json").write_text(json.dumps(record))
        predict = ["predict", archive, "in.json", "--reader", "dygie"]
        assert main(predict) == 0
        first, second = answers(capsys.readouterr().out)
        assert [first["tokens"], second["tokens"]] == words and len(first["relations"]) == 1
        assert main([*predict, "--window", "2"]) == 2
        assert "--window has no effect with --reader" in capsys.readouterr().err
        assert main([*predict[:-1], "brat"]) == 2
        assert "in.json: expected a folder of .txt and .ann files" in capsys.readouterr().err
        assert main([*predict, "--column", "text"]) == 2
        assert "--reader does not go with tables" in capsys.readouterr().err

    def test_standard_input(
        self, archive: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        standard_input(monkeypatch, b'{"text": "a"}\n{"text": "b"}')
        assert main(["predict", "--sentences", archive, "-"]) == 0
        assert tokens(capsys.readouterr().out) == [["a"], ["b"]]

    def test_compressed(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("in.jsonl.gz").write_bytes(gzip.compress(Path("in.jsonl").read_bytes()))
        assert main(["predict", "--sentences", archive, "in.jsonl.gz"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2

    @pytest.mark.parametrize("option", [[], ["--sentences"]])
    def test_an_empty_file_is_an_error(
        self, archive: str, option: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("empty").touch()
        assert main(["predict", archive, "empty", *option]) == 2
        assert capsys.readouterr().err in ("error: empty: is empty\n", "error: empty: holds no text\n")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("gone.jsonl", "gone.jsonl: no such file"),
            (".", ".: holds no .txt file"),
            ("cut.gz", "cut.gz:10: damaged gzip file"),
            ("text.gz", "text.gz:1: damaged gzip file"),
        ],
    )
    def test_one_that_cannot_be_read(
        self, archive: str, name: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("cut.gz").write_bytes(gzip.compress(b'{"text": "a"}\n' * 9)[:-9])
        Path("text.gz").write_bytes(b"text")
        assert main(["predict", "--sentences", archive, name]) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")

    def test_without_a_terminal_a_line_says_from_time_to_time_how_far_it_is(
        self, archive: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "relx")
        monkeypatch.setattr("relx.commands.predict.MINUTE", 0.0)
        assert main(["predict", "--sentences", archive, "in.jsonl", "--output", "out.jsonl"]) == 0
        assert caplog.messages == ["1 lines read", "2 lines read"]


class TestErrors:
    def test_a_bad_line_stops_with_its_number_after_the_answers_before_it(
        self, archive: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "--sentences", archive, "bad.jsonl"]) == 2
        out, error = capsys.readouterr()
        assert tokens(out) == [TEXT.split()]
        assert error.startswith("error: bad.jsonl:2: not JSON at column 1: Expecting value")

    def test_or_is_recorded_in_its_place(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "bad.jsonl", "--on-error", "record"]) == 0
        first, failure, last = answers(capsys.readouterr().out)
        assert (first["tokens"], failure["line"], last["tokens"]) == (TEXT.split(), 2, ["b"])

    def test_recorded_errors_are_counted_by_kind(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        bad = ['{"text": "a"}'] * 7 + ["oops", "", '{"txt": 1}', "[]", '{"text": "a b c"}', "oo\x1bps"]
        Path("bad.jsonl").write_text("\n".join(bad) + "\n")
        arguments = ["predict", "--sentences", archive, "bad.jsonl", "--on-error", "record", "--longest", "2"]
        assert main(arguments) == 0
        out, error = capsys.readouterr()
        assert sum("error" in answer for answer in answers(out)) == 6
        assert error.splitlines() == [
            "6 of 13 lines have no prediction; the first is bad.jsonl:8: not JSON at column 1: Expecting value "
            "(a file of records has a record in each line)",
            "  2 not JSON", "  2 not in relx's form", "  1 empty", "  1 of more than 2 tokens",
        ]  # fmt: skip
        assert main([*arguments, "--max-errors", "0.4"]) == 2
        again, error = capsys.readouterr()
        assert again == out
        assert error.endswith("\nerror: bad.jsonl: more than 40% of the lines have no prediction (--max-errors)\n")

    def test_a_file_in_which_nothing_can_be_read_is_an_error(
        self, archive: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("text.json").write_text("Ann Lee .\nBob .\n")
        assert (
            main(["predict", "--sentences", archive, "text.json", "--on-error", "record", "--output", "out.jsonl"]) == 2
        )
        assert len(answers(Path("out.jsonl").read_text())) == 2
        assert "a file of records has a record in each line" in capsys.readouterr().err

    def test_what_relx_wrote_is_read_again(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            main(["predict", "--sentences", archive, "bad.jsonl", "--on-error", "record", "--output", "out.jsonl"]) == 0
        )
        assert main(["predict", "--sentences", archive, "out.jsonl", "--output", "again.jsonl"]) == 0
        assert Path("again.jsonl").read_bytes() == Path("out.jsonl").read_bytes()
        assert capsys.readouterr().err.endswith("\n  1 already an error in the input\n")

    def test_records_given_as_plain_text_are_noticed(
        self, archive: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        Path("some.txt").write_text('{ brace\n{"note": 1}\n{"text": "a"}\n{"text": "b"}\n')
        assert main(["predict", "--sentences", archive, "some.txt"]) == 0
        assert len(answers(capsys.readouterr().out)) == 4
        [warning] = caplog.messages
        assert warning.startswith("some.txt:3: relx reads this JSON record as plain text")

    def test_a_share_of_errors_lies_between_0_and_1(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--max-errors", "20"]) == 2
        assert capsys.readouterr().err == "error: --max-errors 20.0: expected a share from 0 to 1\n"
        for longest in ("0", "-3"):
            assert main(["predict", "--sentences", archive, "in.jsonl", "--longest", longest]) == 2
            assert f"--longest {longest}: expected a number of tokens, at least 1" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["gone.tar.gz", "in.jsonl"], "error: gone.tar.gz: no such archive\n"),
            (["in.jsonl", "in.jsonl"], "error: in.jsonl: not a complete relx archive"),
        ],
    )
    def test_no_archive(self, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", *arguments]) == 2
        assert capsys.readouterr().err.startswith(message)

    def test_no_such_device(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--device", "gpu"]) == 2
        assert capsys.readouterr().err.startswith("error: device 'gpu' cannot be used here; try cpu, cuda")


class TestOutput:
    def test_a_file(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--output", "out.jsonl"]) == 0
        assert capsys.readouterr().out == ""
        assert tokens(Path("out.jsonl").read_text(encoding="utf-8")) == [TEXT.split(), ["é"]]

    def test_after_an_error_none_is_there(self, archive: str) -> None:
        assert main(["predict", "--sentences", archive, "bad.jsonl", "--output", "out.jsonl"]) == 2
        assert sorted(os.listdir()) == ["bad.jsonl", "in.jsonl"]

    def test_after_an_error_an_older_one_is_as_it_was(self, archive: str) -> None:
        Path("out.jsonl").write_text("older")
        assert main(["predict", "--sentences", archive, "bad.jsonl", "--output", "out.jsonl"]) == 2
        assert Path("out.jsonl").read_text() == "older"

    def test_the_input_itself_may_be_replaced(self, archive: str) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--output", "in.jsonl"]) == 0
        assert "relations" in Path("in.jsonl").read_text(encoding="utf-8")

    @pytest.mark.parametrize("place", ["gone/out.jsonl", "/dev/full"])
    def test_a_place_that_takes_nothing(self, archive: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--output", place]) == 2
        assert capsys.readouterr().err.startswith(f"error: {place}: cannot be written: ")

    def test_readable_triples(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "in.jsonl", "--triples"]) == 0
        first, triple, second = capsys.readouterr().out.splitlines()
        assert (first, second) == (TEXT, "é")
        assert triple.startswith("    Ann Lee  --born_in->  New York  (")

    def test_readable_errors(self, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", "--sentences", archive, "bad.jsonl", "--triples", "--on-error", "record"]) == 0
        assert "\nline 2: not JSON at column 1" in capsys.readouterr().out

    @pytest.mark.parametrize("option", [[], ["--triples"]])
    def test_any_text_is_written_under_any_locale(
        self, archive: str, option: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("in.jsonl").write_text('{"text": "Ann \\ud800 \\u00e9"}\n{"text": "\\u0416"}\n')
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        assert main(["predict", "--sentences", archive, "in.jsonl", *option]) == 0
        text = written.getvalue().decode()
        assert text == "Ann \\ud800 é\nЖ\n" if option else tokens(text) == [["Ann", "\ud800", "é"], ["Ж"]]

    def test_a_full_disk_behind_standard_output(self) -> None:
        with open("/dev/full", "w") as full:
            process = sample.start("components", stdout=full, stderr=subprocess.PIPE)
        _, error = process.communicate(timeout=200)
        assert (process.returncode, error) == (2, "error: standard output cannot be written: No space left on device\n")

    def test_the_reader_of_a_pipe_may_leave_early(self, archive: str) -> None:
        Path("many.jsonl").write_text('{"tokens": ["word"]}\n' * 3000)
        process = sample.start("predict", archive, "many.jsonl", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["tokens"] == ["word"]
        process.stdout.close()
        assert (process.wait(50), process.stderr.read()) == (141, "")
        process.stderr.close()
