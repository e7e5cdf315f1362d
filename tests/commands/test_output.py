import io
import os
from pathlib import Path
from typing import Any, TextIO

import pytest

from relx.commands import main
from relx.commands.output import OutputError, SafeStream, StandardOutput


@pytest.mark.parametrize("size", [1, 10_000, 1_000_000])
def test_a_full_disk_is_an_output_error(size: int) -> None:
    with pytest.raises(OutputError, match="standard output cannot be written: No space left on device"):
        written_to(os.fdopen(os.open("/dev/full", os.O_WRONLY), "w"), "x" * size)


def test_a_pipe_without_a_reader_stays_one() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        written_to(os.fdopen(writing, "w"), "x")


def test_the_rest_of_a_stream_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    output = StandardOutput(os.fdopen(os.dup(1), "w", encoding="ascii"))
    output.reconfigure(encoding="utf-8")
    print("é", file=output)
    output.close()
    assert capfd.readouterr().out == "é\n"


def written_to(stream: TextIO, text: str) -> None:
    output = StandardOutput(stream)
    try:
        output.write(text)
        output.flush()
    finally:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.close()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_text_can_be_written_in_any_encoding(encoding: str) -> None:
    written = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(written, encoding=encoding, newline=""))
    print("é 米 \ud83d \x1b[31m\x9b", file=stream, flush=True)
    text = written.getvalue().decode(encoding)
    assert text.endswith("\\ud83d \\x1b[31m\\x9b\n")
    assert text.startswith("é 米" if encoding == "utf-8" else "\\xe9 \\u7c73" if encoding == "ascii" else "é \\u7c73")


def test_no_terminal_code_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "\x1b[2J\rgone"]) == 2
    assert capsys.readouterr().err.startswith("error: \\x1b[2J\\rgone: ")


def test_the_handler_of_a_signal_may_write_in_the_middle_of_a_write(tmp_path: Path) -> None:
    class Interrupted(io.FileIO):
        def write(self, content: Any) -> int:
            stream.write("interrupted\n")  # as logging does
            stream.flush()
            return super().write(content)

    file = Interrupted(tmp_path / "log.txt", "w")
    stream = SafeStream(io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8", line_buffering=True))
    stream.write("thinking\n")
    stream.flush()
    assert sorted((tmp_path / "log.txt").read_text().split()) == ["interrupted", "thinking"]
