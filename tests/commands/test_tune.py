import json
import shlex
import sys
from pathlib import Path

import pytest

from relx.commands import main


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tune(tiny: Path, space: str, *more: str) -> int:
    Path("space.jsonnet").write_text(space)
    return main(["tune", str(tiny), "space.jsonnet", "--var", f"data={tiny.parent}", "--trials", "1", *more])


SPACE = "{ seed: { low: 1, high: 9, step: 1 }, head: ['hmt', 'novel_tagging'] }"
EPOCHS = ("--var", "epochs=1")


def test_without_optuna_one_message_says_what_to_type(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune(tiny, SPACE) == 2
    message = "error: this needs optuna, which is not installed; get it with: pip install 'relx[tune]'\n"
    assert capsys.readouterr().err == message


@pytest.mark.slow
class TestSearch:
    @pytest.fixture(autouse=True)
    def needs_optuna(self) -> None:
        pytest.importorskip("optuna")

    def test_trials_are_runs_and_the_best_is_a_command(self, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert tune(tiny, SPACE, *EPOCHS) == 0
        command = capsys.readouterr().out.strip()
        assert Path("runs/tiny_tuned/best.sh").read_text().splitlines()[1] == command
        run = Path("runs/tiny_tuned/trial_0")
        best, metrics = (json.loads((run / name).read_text()) for name in ("config.json", "metrics.json"))
        assert "validation" in metrics and "test" not in metrics and best["test_data_path"] is None
        program, *words = shlex.split(command)
        assert (program, words[:2]) == ("relx", ["train", str(tiny)])
        assert f"seed={best['seed']}" in words and f"head={best['model']['head']['type']}" in words
        assert main(["check", *words[1:]]) == 0

    @pytest.mark.parametrize(
        ("space", "more", "message"),
        [
            ("{ sed: [1, 2] }", (), "no variable 'sed'; did you mean 'seed'? Its variables: data, head, "),
            ("{ head: ['hmt', 3] }", ("--var", "head=hmt"), "--var head: is searched; take it out of space.jsonnet"),
            ("{ epochs: ['a', 'b'] }", (), 'trainer.epochs: expected a whole number, got "a"'),
            ("{ seed: [1] }", (), "seed: expected at least two values to choose from"),
            (
                SPACE,
                ("-o", "validation_data_path=null"),
                "a search needs a validation_data_path; the test set must not influence it",
            ),
            (SPACE, ("--trials", "0"), "--trials must be at least 1"),
            (SPACE, ("-s", "taken"), "taken: holds no search to continue; choose another folder (-s)"),
        ],
    )
    def test_what_the_user_can_mend_is_said_before_the_first_trial(
        self, tiny: Path, space: str, more: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("taken").mkdir()
        Path("taken/notes.txt").touch()
        assert tune(tiny, space, *more) == 2
        out, error = capsys.readouterr()
        assert out == "" and message in error and "Traceback" not in error
        assert not list(Path().glob("**/trial_*"))

    def test_another_search_in_the_same_folder_is_refused(self, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from relx.tuning.search import claim

        claim(Path("runs/tiny_tuned"), {"experiment": {}, "space": {}})
        assert tune(tiny, SPACE) == 2
        assert "runs/tiny_tuned: was begun with another search:" in capsys.readouterr().err
