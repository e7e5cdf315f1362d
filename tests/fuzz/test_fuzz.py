"""Small versions of ``tests/fuzz/fuzz_*.py``, and the harness itself: it must see what goes wrong."""

import os
import time
from itertools import islice
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FUZZ = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(FUZZ)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


class TestHarness:
    def ends(self, attempt, count: int = 3, limit: float = 30.0) -> list[str]:
        from fuzz_runner import outcomes

        return [end for _, end in outcomes(attempt, range(count), limit)]

    def test_every_attempt_has_an_end_whatever_happens_in_it(self) -> None:
        def attempt(number: int) -> str:
            if number == 0:
                raise KeyboardInterrupt
            if number == 1:
                os._exit(7)
            return "well"

        raised, died, well = self.ends(attempt)
        assert raised.startswith("FAULT: Traceback") and "KeyboardInterrupt" in raised
        assert died == "FAULT: the process died (exit code 7)"
        assert well == "well"

    def test_one_without_an_end_is_cut_off(self) -> None:
        ends = self.ends(lambda number: "well" if number else time.sleep(60) or "late", count=2, limit=5.0)
        assert ends == ["FAULT: no end after 5 s", "well"]

    def test_what_escapes_a_command_and_what_is_no_clean_error_are_told_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from fuzz_runner import command, outcome_of

        from relx import commands

        assert outcome_of(command("check", "nowhere.jsonnet")) == "ConfigError"
        assert outcome_of(command("components")) == "valid"
        with pytest.raises(AssertionError, match="code 130"):
            monkeypatch.setattr(commands, "_parser", lambda: _Raising(KeyboardInterrupt()))
            outcome_of(command())
        with pytest.raises(RuntimeError, match="a bug"):
            monkeypatch.setattr(commands, "_parser", lambda: _Raising(RuntimeError("a bug")))
            command()


class _Raising:
    """A parser whose command raises."""

    debug = False

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def parse_args(self, arguments: list[str]) -> "_Raising":
        return self

    def run(self, args: object) -> int:
        raise self.error


def test_corrupted_experiment_files_end_in_an_error_or_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fuzz_configs import ROOT, Files

    monkeypatch.chdir(ROOT)
    files, numbers = Files(tmp_path), iter(range(100))
    ends = {files.attempt(number) for number in islice(numbers, 12)}
    while not ends >= {"ConfigError", "valid"}:
        ends.add(files.attempt(next(numbers)))


def test_corrupted_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fuzz_archives

    monkeypatch.setattr(fuzz_archives, "BOMB", 128 * 2**20)
    archives = fuzz_archives.Archives(tmp_path)
    ends = [archives.attempt(number) for number in range(2 * len(fuzz_archives.WAYS))]
    assert sum(end.endswith(": refused") for end in ends) >= 30
    assert all(end.endswith((": refused", ": unharmed", "under a right checksum")) for end in ends)


def test_hostile_lines_are_answered_or_reported_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    import fuzz_input

    monkeypatch.setattr(fuzz_input, "LINES", 80)
    monkeypatch.setattr(fuzz_input, "LONG", 3_000)
    parts = fuzz_input.Parts(tmp_path)
    for number in range(8):
        counts = json.loads(parts.attempt(number))
        assert sum(counts.values()) == 80 and counts["answered"] > 5
