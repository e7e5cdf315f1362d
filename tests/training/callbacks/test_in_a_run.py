from pathlib import Path
from typing import Any, ClassVar

import pytest
import tiny as sample

from relx.commands import main
from relx.errors import MissingExtra
from relx.training.callbacks import Callback, tracker
from relx.training.checkpointing.run_folder import EPOCHS, SAMPLES, TENSORBOARD, RunFolder
from relx.training.run import train

NAMED = 'trainer.callbacks=[{"type": "samples", "sentences": 2}, {"type": "tensorboard", "every": 3}]'


def test_an_experiment_names_callbacks_beside_those_of_every_run(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    sample.train(tiny, tmp_path / "run", NAMED, epochs=2)
    reports = (tmp_path / "run" / SAMPLES).read_text().split("\n\n")[:-1]
    assert [report.splitlines()[0] for report in reports] == ["epoch 1, step 9", "epoch 2, step 18"]
    assert all(report.count("\n  ") - report.count("\n    ") == 2 for report in reports)
    assert len((tmp_path / "run" / EPOCHS).read_text().splitlines()) == 2
    assert list((tmp_path / "run" / TENSORBOARD).iterdir())


def test_a_replaced_run_leaves_none_of_their_files(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    sample.train(tiny, tmp_path / "run", NAMED, epochs=1)
    before = (tmp_path / "run" / SAMPLES).read_text()
    command = ["train", str(tiny), "--var", f"data={tiny.parent}", "--var", "epochs=1", "-s", str(tmp_path / "run")]
    assert main([*command, "--force"]) == 0
    assert not (tmp_path / "run" / TENSORBOARD).exists()
    assert (tmp_path / "run" / SAMPLES).read_text().count("epoch") == before.count("epoch") == 1


def test_a_missing_package_ends_a_run_before_it_reads_data_and_leaves_the_run_before(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "get_available_trackers", lambda: [])
    with pytest.raises(MissingExtra, match="mlflow is not installed here"):
        sample.train(
            tiny, tmp_path / "run", 'trainer.callbacks=[{"type": "tracker", "service": "mlflow"}]',
            'train_data_path="nowhere.jsonl"',
        )  # fmt: skip
    assert list((tmp_path / "run").iterdir()) == []


class Stamp(Callback):
    made: ClassVar[list["Stamp"]] = []

    def __init__(self, name: str) -> None:
        self.names = [name]
        self.made.append(self)

    def state_dict(self) -> dict[str, Any]:
        return {"names": self.names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.names = [*state["names"], "resumed"]


def test_of_two_of_one_kind_each_goes_on_with_its_own_state(tiny: Path, tmp_path: Path, registry: None) -> None:
    Callback.register("stamp")(Stamp)
    two = 'trainer.callbacks=[{"type": "stamp", "name": "one"}, {"type": "stamp", "name": "two"}]'
    sample.train(tiny, tmp_path / "run", two, epochs=1)
    made, full = sample.experiment(tiny, two, epochs=2)
    train(made, RunFolder.resume(tmp_path / "run", full), full, recover=True)
    assert [stamp.names for stamp in Stamp.made] == [["one"], ["two"], ["one", "resumed"], ["two", "resumed"]]


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ('[{"type": "alert"}]', "'alert' is not a registered callback; did you mean 'alerts'?"),
        ('[{"type": "alerts", "spikes": 3}]', "trainer.callbacks.0.spikes: unknown key; did you mean 'spike'?"),
        ('[{"type": "samples", "folder": "x"}]', "trainer.callbacks.0.folder: is supplied by the program at run time"),
        ('[{"type": "tracker", "service": "excel"}]', '"excel" is not a choice'),
    ],
)
def test_they_are_checked_with_the_file(
    tiny: Path, callbacks: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["check", str(tiny), "--var", f"data={tiny.parent}", "-o", f"trainer.callbacks={callbacks}"]
    assert main(command) == 2
    assert message in capsys.readouterr().err
