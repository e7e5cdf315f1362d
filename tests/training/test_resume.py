"""A run that is stopped and resumed is the run that was never stopped."""

import json
import logging
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
import torch

from relx import archive
from relx.errors import TrainingError
from relx.training.callbacks import StepReport
from relx.training.callbacks.metrics_file import MetricsFile
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.checkpointing.state import TrainingState
from relx.training.run import train

TIMED = ("seconds", "sentences_per_second")
EVERYTHING = (
    "trainer.validate_every=4 steps",
    "trainer.validation_metric=+entity_f1",
    "trainer.gradient_accumulation_steps=2",
    'trainer.schedule={"type": "linear", "warmup": 0.2}',
    'trainer.ema={"decay": 0.3}',
    'trainer.parameter_groups={"embedder": {"lr": 0.1}}',
)


def go_on(file: Path, folder: Path, *overrides: str, **variables: Any) -> TrainingState:
    """What ``relx train --recover`` does."""
    made, full = sample.experiment(file, *overrides, **variables)
    return train(made, RunFolder.resume(folder, full), full, recover=True).state


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Interrupts the run in this process after so many more steps."""

    def interrupt(step: int) -> None:
        steps = count(1)

        def on_step_end(self: MetricsFile, report: StepReport) -> None:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGINT)

        signal.signal(signal.SIGINT, signal.default_int_handler)
        monkeypatch.setattr(MetricsFile, "on_step_end", on_step_end)

    return interrupt


def outcome(folder: Path) -> dict[str, Any]:
    """Everything that a run leaves, without times."""
    lines = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
    return {
        "epochs": [{key: line[key] for key in line if key not in TIMED} for line in lines],
        "metrics": {**json.loads((folder / "metrics.json").read_text()), "seconds": None},
        "samples": (folder / "samples.txt").read_text(),
        "weights": {n: t.tolist() for n, t in archive.load(folder / "model.tar.gz").model.state_dict().items()},
    }


def checkpoint(folder: Path) -> dict[str, Any]:
    newest = Checkpoints(folder / "checkpoints", keep=1).newest()
    assert newest is not None
    return newest


@pytest.fixture(scope="module")
def peace(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run leaves that nobody stops."""
    folder = tmp_path_factory.mktemp("peace") / "run"
    sample.train(tiny, folder, *EVERYTHING, epochs=6)
    return outcome(folder)


class TestExactness:
    def test_a_run_has_reports_of_all_kinds(self, peace: dict[str, Any]) -> None:
        assert [line["step"] for line in peace["epochs"]] == [4, 8, 12, 16, 20, 24, 28, 30]
        assert [line["epoch"] for line in peace["epochs"]] == [1, 2, 3, 4, 4, 5, 6, 6]
        assert max(line["metrics"]["entity_f1"] for line in peace["epochs"]) > 0

    @pytest.mark.parametrize("step", [1, 4, 5, 7, 26])
    def test_a_run_stopped_at_any_step_ends_as_if_it_had_not_been(
        self, peace: dict[str, Any], tiny: Path, tmp_path: Path, interrupt_at: Callable[[int], None], step: int
    ) -> None:
        folder = tmp_path / "run"
        interrupt_at(step)
        assert sample.train(tiny, folder, *EVERYTHING, epochs=6).interrupted
        state = checkpoint(folder)["state"]
        assert (state["step"], state["epoch"], state["position"]) == (step, step // 5, step % 5)
        torch.rand(7)  # what goes on in the process meanwhile has no say
        assert not go_on(tiny, folder, *EVERYTHING, epochs=6).interrupted
        assert outcome(folder) == peace

    def test_so_does_one_stopped_again_and_again(
        self, peace: dict[str, Any], tiny: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
    ) -> None:
        for steps in (3, 2, 6):
            interrupt_at(steps)
            assert go_on(tiny, tmp_path / "run", *EVERYTHING, epochs=6).interrupted
        interrupt_at(1000)
        go_on(tiny, tmp_path / "run", *EVERYTHING, epochs=6)
        assert outcome(tmp_path / "run") == peace

    def test_and_one_whose_newest_checkpoint_is_broken(
        self, peace: dict[str, Any], tiny: Path, tmp_path: Path, interrupt_at: Callable[[int], None],
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        folder = tmp_path / "run"
        interrupt_at(14)
        sample.train(tiny, folder, *EVERYTHING, epochs=6)
        [newest] = (folder / "checkpoints").glob("step_14.*")
        newest.write_bytes(newest.read_bytes()[:-100])
        go_on(tiny, folder, *EVERYTHING, epochs=6)
        assert any("step_14" in message and "continuing from the checkpoint" in message for message in caplog.messages)
        assert outcome(folder) == peace

    def test_a_run_that_has_ended_stays_as_it_is(self, peace: dict[str, Any], tiny: Path, tmp_path: Path) -> None:
        for _ in range(2):
            go_on(tiny, tmp_path / "run", *EVERYTHING, epochs=6)
        assert outcome(tmp_path / "run") == peace

    def test_one_that_is_killed_before_its_archive_gets_it_whatever_befalls_older_checkpoints(
        self, peace: dict[str, Any], tiny: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "run"
        sample.train(tiny, folder, *EVERYTHING, "trainer.keep_checkpoints=9", epochs=6)
        for file in (folder / "checkpoints").iterdir():
            if file.name != "step_30.safetensors":
                file.write_bytes(b"damaged")
        for name in ("model.tar.gz", "metrics.json"):
            (folder / name).unlink()
        with open(folder / "epochs.jsonl", "a") as file:
            file.write('{"half a li')
        go_on(tiny, folder, *EVERYTHING, epochs=6)
        assert outcome(folder) == peace


class TestEarlyStopping:
    def test_what_is_left_of_the_patience_is_kept(
        self, tiny: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
    ) -> None:
        expected = sample.train(tiny, tmp_path / "peace", epochs=40, patience=2)
        interrupt_at(9 * expected.epoch - 4)
        sample.train(tiny, tmp_path / "run", epochs=40, patience=2)
        state = go_on(tiny, tmp_path / "run", epochs=40, patience=2)
        assert (state.epoch, state.best) == (expected.epoch, expected.best)
        assert outcome(tmp_path / "run") == outcome(tmp_path / "peace")


class TestAnotherExperiment:
    def test_a_run_can_be_made_longer(self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="relx")
        sample.train(tiny, tmp_path / "long", epochs=3)
        sample.train(tiny, tmp_path / "run", epochs=2)
        go_on(tiny, tmp_path / "run", epochs=3)
        assert "trainer.epochs: 2 -> 3" in caplog.messages
        assert outcome(tmp_path / "run") == outcome(tmp_path / "long")
        assert json.loads((tmp_path / "run" / "config.json").read_text())["trainer"]["epochs"] == 3

    def test_not_where_the_learning_rates_would_have_been_others(self, tiny: Path, tmp_path: Path) -> None:
        falling = 'trainer.schedule={"type": "cosine"}'
        sample.train(tiny, tmp_path / "run", falling, epochs=1)
        with pytest.raises(TrainingError, match="trainer.epochs: the learning rates of trainer.schedule"):
            go_on(tiny, tmp_path / "run", falling, epochs=2)

    def test_what_would_change_the_steps_is_refused_key_by_key(self, tiny: Path, tmp_path: Path) -> None:
        sample.train(tiny, tmp_path / "run", epochs=1)
        before = (tmp_path / "run" / "config.json").read_bytes()
        message = r"(?s)another experiment:.*model.head.hidden_size: 12 -> 5\n  seed: 1 -> 2\n  trainer.epochs: 1 -> 3"
        with pytest.raises(TrainingError, match=message):
            go_on(tiny, tmp_path / "run", "model.head.hidden_size=5", epochs=3, seed=2)
        assert (tmp_path / "run" / "config.json").read_bytes() == before

    @pytest.mark.parametrize(("split", "name"), [("train", "training"), ("dev", "validation")])
    def test_other_data_under_the_same_name_is_refused(self, tiny: Path, tmp_path: Path, split: str, name: str) -> None:
        self.run_and_turn(tiny, tmp_path, split)
        with pytest.raises(TrainingError, match=f"the {name} data is not that of the checkpoint"):
            go_on(tiny, tmp_path / "run", epochs=2, data=str(tmp_path))

    def test_the_test_set_has_no_say_in_a_run(self, tiny: Path, tmp_path: Path) -> None:
        self.run_and_turn(tiny, tmp_path, "test")
        assert go_on(tiny, tmp_path / "run", epochs=2, data=str(tmp_path)).epoch == 2

    def run_and_turn(self, tiny: Path, folder: Path, turned: str) -> None:
        """A run, after which the first line of a split's file is its last."""
        for split in ("train", "dev", "test"):
            sample.write_corpus(folder / f"{split}.jsonl")
        sample.train(tiny, folder / "run", epochs=1, data=str(folder))
        file = folder / f"{turned}.jsonl"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[1:] + lines[:1]))

    def test_fewer_epochs_than_were_trained_are_refused_and_nothing_is_written(
        self, tiny: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
    ) -> None:
        interrupt_at(10)  # the first step of the second epoch
        sample.train(tiny, tmp_path / "run", epochs=3)
        before = outcome(tmp_path / "run"), (tmp_path / "run" / "config.json").read_bytes()
        with pytest.raises(TrainingError, match="trainer.epochs is 1, but the run has come to epoch 2; give it at"):
            go_on(tiny, tmp_path / "run", epochs=1)
        assert (outcome(tmp_path / "run"), (tmp_path / "run" / "config.json").read_bytes()) == before
        assert go_on(tiny, tmp_path / "run", epochs=2).epoch == 2

    def test_other_conditions_are_a_warning(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        sample.train(tiny, tmp_path / "run", epochs=1)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
        go_on(tiny, tmp_path / "run", epochs=2)
        [warning] = [message for message in caplog.messages if "other conditions" in message]
        assert "last digits may differ: threads " in warning and warning.endswith("-> 64")


class TestInitialization:
    def test_weights_from_another_archive_are_the_first_ones_and_are_needed_once(
        self, tiny: Path, tmp_path: Path
    ) -> None:
        sample.train(tiny, tmp_path / "other", epochs=1, seed=5)
        source = tmp_path / "other" / "model.tar.gz"
        theirs = archive.load(source).model.state_dict()
        given = (
            f'trainer.init_from={{"embedder": "{source}"}}',
            'trainer.parameter_groups={"embedder": {"frozen": true}}',
        )
        sample.train(tiny, tmp_path / "run", *given, epochs=1)
        source.unlink()
        go_on(tiny, tmp_path / "run", *given, epochs=2)
        ours = archive.load(tmp_path / "run" / "model.tar.gz").model.state_dict()
        assert torch.equal(ours["embedder.table"], theirs["embedder.table"])
        assert len(outcome(tmp_path / "run")["epochs"]) == 2


class TestStarting:
    def test_where_there_is_nothing_to_go_on_with_a_run_starts(self, tiny: Path, tmp_path: Path) -> None:
        assert go_on(tiny, tmp_path / "run", epochs=1).epoch == 1
        sample.train(tiny, tmp_path / "peace", epochs=1)
        assert outcome(tmp_path / "run") == outcome(tmp_path / "peace")

    def test_a_run_that_has_ended_and_lost_its_checkpoints_is_not_touched(self, tiny: Path, tmp_path: Path) -> None:
        sample.train(tiny, tmp_path / "run", epochs=1)
        for file in (tmp_path / "run" / "checkpoints").iterdir():
            file.unlink()
        before = outcome(tmp_path / "run")
        with pytest.raises(
            TrainingError, match="this run has no checkpoints any more; start again .--force, in Python force=True."
        ):
            go_on(tiny, tmp_path / "run", epochs=2)
        assert outcome(tmp_path / "run") == before

    def test_one_that_was_killed_before_its_first_checkpoint_starts_anew(self, tiny: Path, tmp_path: Path) -> None:
        sample.train(tiny, tmp_path / "run", epochs=1)
        for file in (*(tmp_path / "run" / "checkpoints").iterdir(), tmp_path / "run" / "model.tar.gz"):
            file.unlink()
        go_on(tiny, tmp_path / "run", epochs=1)
        assert len(outcome(tmp_path / "run")["epochs"]) == 1


class TestTrouble:
    def test_a_checkpoint_that_cannot_be_written_stops_the_run_and_loses_none(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "run"
        replace = Path.replace

        def full(self: Path, target: Path) -> Path:
            if "step_27" in target.name:
                raise OSError(28, "No space left on device")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(TrainingError, match="step_27.* cannot be written: No space left on device"):
            sample.train(tiny, folder, epochs=3)
        assert checkpoint(folder)["state"]["step"] == 18
        monkeypatch.undo()
        go_on(tiny, folder, epochs=3)
        sample.train(tiny, tmp_path / "peace", epochs=3)
        assert outcome(folder) == outcome(tmp_path / "peace")
