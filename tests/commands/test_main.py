import argparse
import errno
import importlib
import os
import subprocess
import sys

import pytest

import relx
from relx.commands import COMMANDS, common, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n    {name}" in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: relx {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"relx {relx.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["chek"], ["check"]])
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: relx" in capsys.readouterr().err


def test_an_interrupt_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("relx.commands.components"), "run", interrupt)
    assert main(["components"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_failure_of_another_file_is_not_blamed_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(importlib.import_module("relx.commands.components"), "run", fail)
    with pytest.raises(OSError, match="No space left"):
        main(["components"])


def test_a_closed_pipe_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "relx", "components"]
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (run.returncode, run.stderr) == (141, "")


def test_the_arguments_that_experiments_share() -> None:
    parser = argparse.ArgumentParser()
    common.add_experiment_arguments(parser)
    line = "--var a=1 --var b=2 -o x.y=1 --override z=2 --include one --include two.py"
    args = parser.parse_args(line.split())
    assert (args.var, args.override, args.include) == (["a=1", "b=2"], ["x.y=1", "z=2"], ["one", "two.py"])
    assert parser.parse_args([]).var == []
