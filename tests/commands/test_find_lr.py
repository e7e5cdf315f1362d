import re
import sys
from pathlib import Path

import pytest

from relx.commands import main


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def arguments(tiny: Path, *more: str) -> list[str]:
    return ["find-lr", str(tiny), "--var", f"data={tiny.parent}", "--device", "cpu", "--steps", "24", *more]


def test_it_prints_losses_and_a_suggestion_and_draws_them(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(arguments(tiny, "--low", "1e-4", "--high", "0.1")) == 0
    out, log = capsys.readouterr()
    header, *rows = out.split("\n\n")[0].splitlines()
    assert header == "learning rate  loss (moving average)" and len(rows) == 12
    rates = [float(row.split()[0]) for row in rows]
    assert rates[0] == 1e-4 and rates == sorted(rates)
    suggested = re.search(r"^suggested: -o trainer.optimizer.lr=(\S+)$", out, re.MULTILINE)
    assert suggested and 1e-4 <= float(suggested[1]) <= 0.1
    assert "the loss falls fastest at " in out and "it has not diverged at 1.0e-01" in out
    assert Path("find_lr.png").read_bytes().startswith(b"\x89PNG") and "drawn in find_lr.png" in log


def test_what_it_suggests_can_be_typed(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tiny)) == 0
    override = capsys.readouterr().out.splitlines()[-1].removeprefix("suggested: ").split()
    assert main(["check", str(tiny), "--var", f"data={tiny.parent}", *override]) == 0


def test_without_matplotlib_the_numbers_are_enough(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(arguments(tiny)) == 0
    out, log = capsys.readouterr()
    assert "suggested: " in out
    assert "no drawing: this needs matplotlib, which is not installed; get it with: pip install 'relx[plots]'" in log
    assert not Path("find_lr.png").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--low", "1", "--high", "0.1"], "expected rates above 0, the low one below the high one"),
        (["-o", "trainer.epoch=3"], "trainer.epoch: unknown key; did you mean 'epochs'?"),
        (["-o", "train_data_path=gone.jsonl"], "gone.jsonl: no such file"),
        (["--output", "gone/a.png"], "gone/a.png: cannot be written"),
        (["--output", "a.txt"], "a.txt: a drawing ends in one of: .eps"),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_code_2(
    tiny: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tiny, *more)) == 2
    error = capsys.readouterr().err
    assert f"error: {message}" in error or message in error
    assert "Traceback" not in error
