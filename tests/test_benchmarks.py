"""What the benchmarks tell when what they run fails."""

import argparse
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_what_a_process_prints(capfd: pytest.CaptureFixture[str]) -> None:
    from processes import output_of

    assert output_of([sys.executable, "-c", "import sys; print(1); print(2, file=sys.stderr)"]) == "1\n"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "told", "end"),
    [("exit('no such data')", "no such data", 1), ("exit(7)", "ended with exit code 7: ", 7),
     ("import os; os.kill(os.getpid(), 9)", "ended with exit code -9: ", 1)],
)  # fmt: skip
def test_one_that_fails_ends_the_benchmark_with_its_reason(
    code: str, told: str, end: int, capfd: pytest.CaptureFixture[str]
) -> None:
    from processes import output_of

    with pytest.raises(SystemExit) as ended:
        output_of([sys.executable, "-c", code])
    assert ended.value.code == end
    assert capfd.readouterr().err.startswith(told)


@pytest.mark.parametrize("name", ["rin", "pfn"])
def test_a_training_that_fails_ends_the_benchmark_with_its_reason(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {"head": "rin", "rounds": 1, "epochs": 1, "transformer": "x", "data": "x", "batch": 1, "var": ["nope=1"]}
    with pytest.raises(SystemExit) as ended:
        __import__(name).train(argparse.Namespace(**given), str(tmp_path))
    assert ended.value.code == 2
    assert "no variable 'nope'; its variables: data, format, " in capfd.readouterr().err


def test_ceilings_takes_a_head_by_its_name_or_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ceilings

    corpus = str(BENCHMARKS.parent / "fixtures" / "nyt10" / "dev.json")
    monkeypatch.setattr(sys, "argv", ["ceilings.py", corpus, "--head", "casrel", "--head", '{"type": "rin_v2"}'])
    ceilings.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["casrel", "rin_v2"]
