from pathlib import Path
from typing import Any

import pytest
from reports import report, step

from relx.errors import MissingExtra
from relx.training.callbacks import tracker
from relx.training.callbacks.tracker import ScalarCallback, TensorBoard, Tracker

Points = dict[str, list[tuple[int, float]]]


def a_run(callback: ScalarCallback) -> None:
    for number in range(1, 5):
        callback.on_step_end(step(number, loss=number / 2))
    callback.on_report(report(1))
    callback.on_end()


class TestTensorBoard:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("tensorboard")

    def read(self, folder: Path) -> Points:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder / "tensorboard")).Reload()
        return {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}

    def test_steps_and_epochs_can_be_read_back(self, tmp_path: Path) -> None:
        a_run(TensorBoard(tmp_path, every=2))
        points = self.read(tmp_path)
        assert points["train/step_loss"] == [(2, 1.0), (4, 2.0)]
        assert points["train/grad_norm"] == [(2, 1.0), (4, 1.0)]
        assert points["train/loss"] == [(4, 0.5)] and points["validation/triple_f1"] == [(4, 0.125)]
        assert {name for name in points if name.startswith("validation/")} == {
            "validation/triple_f1", "validation/triple_recall", "validation/entity_f1",
        }  # fmt: skip

    def test_after_a_resume_each_step_stands_once(self, tmp_path: Path) -> None:
        killed = TensorBoard(tmp_path, every=1)
        killed.on_step_end(step(1))
        killed.on_step_end(step(2, loss=99.0))
        killed.on_end()
        resumed = TensorBoard(tmp_path, every=1)
        resumed.on_step_end(step(2))
        resumed.on_end()
        assert self.read(tmp_path)["train/step_loss"] == [(1, 0.5), (2, 0.5)]

    def test_gradients_without_a_norm_are_left_out(self, tmp_path: Path) -> None:
        callback = TensorBoard(tmp_path, every=1)
        callback.on_step_end(step(grad_norm=None))
        callback.on_end()
        assert "train/grad_norm" not in self.read(tmp_path)

    def test_a_run_that_ends_before_it_starts_writes_nothing(self, tmp_path: Path) -> None:
        TensorBoard(tmp_path).on_end()
        assert list(tmp_path.iterdir()) == []


def test_a_missing_service_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "get_available_trackers", lambda: [])
    with pytest.raises(MissingExtra, match=r"tensorboard is not installed here; .* pip install 'relx\[tensorboard\]'"):
        TensorBoard(tmp_path)
    with pytest.raises(MissingExtra, match="comet_ml is not installed here; get it by pip install comet-ml"):
        Tracker(tmp_path, "comet_ml")


class Recorder:
    """Stands for a service of accelerate's."""

    requires_logging_directory = True
    made: list["Recorder"] = []

    def __init__(self, *arguments: str) -> None:
        self.arguments, self.calls = arguments, [("made", None)]
        self.made.append(self)

    def start(self) -> None:
        self.calls.append(("start", None))

    def log(self, values: dict[str, Any], step: int) -> None:
        self.calls.append((",".join(values), step))

    def finish(self) -> None:
        self.calls.append(("finish", None))


def test_another_service_of_accelerates_gets_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "get_available_trackers", lambda: ["aim"])
    monkeypatch.setitem(tracker.LOGGER_TYPE_TO_CLASS, "aim", Recorder)
    a_run(Tracker(tmp_path, "aim", project="mine", every=4))
    [service] = Recorder.made
    assert service.arguments == ("mine", str(tmp_path))
    assert service.calls[:3] == [("made", None), ("start", None), ("train/step_loss,train/lr,train/grad_norm", 4)]
    assert service.calls[3][1] == 4 and "validation/triple_f1" in service.calls[3][0]
    assert service.calls[4:] == [("finish", None)]


def test_every_is_at_least_one_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every is 0"):
        TensorBoard(tmp_path, every=0)
