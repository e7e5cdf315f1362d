import copy
import math
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as sample
import torch
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.vocabulary import Vocabulary
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.training.callbacks import Callback, Report, StepReport
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.state import Metrics, TrainingState
from relx.training.trainer import Trainer

Weights = dict[str, Tensor]


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.losses: list[float] = []
        self.steps: list[StepReport] = []
        self.reports: list[Report] = []

    def on_epoch_start(self, epoch: int, steps: int, done: int) -> None:
        self.events.append(f"epoch {epoch} of {steps} steps" + (f", {done} done" if done else ""))

    def on_step_end(self, report: StepReport) -> None:
        self.events.append("step")
        self.steps.append(report)
        self.losses.append(report.mean_loss)

    def on_report(self, report: Report) -> None:
        self.events.append("report")
        self.reports.append(report)

    def on_end(self) -> None:
        self.events.append("end")


class InMemory(Checkpoints):
    """Keeps every checkpoint."""

    def __init__(self) -> None:
        self.trees: dict[int, dict[str, Any]] = {}

    def save(self, step: int, tree: dict[str, Any]) -> None:
        self.trees[step] = copy.deepcopy(tree)

    def weights(self) -> list[Weights]:
        return [tree["train_step"]["model"] for tree in self.trees.values()]


class Fixture:
    """A model with data, and the trainer of its experiment."""

    def __init__(self, file: Path, *overrides: str) -> None:
        torch.manual_seed(1)
        made, _ = sample.experiment(file, *overrides)
        examples = sample.sentences(made)
        self.model: JointExtractor = made.lazy_model.build(vocabulary=Vocabulary(examples))
        self.corpus = TensorDataset(examples, self.model.index_labeled)
        self.loader = made.loader
        self.trainer: Trainer = made.trainer
        self.recorder = Recorder()
        self.kept = InMemory()

    def fit(self, validate: Callable[[], Metrics] | None = None) -> TrainingState:
        """Train with the seed 1."""
        recorder = [self.recorder]
        return self.trainer.fit(self.model, self.corpus, self.loader, 1, validate, recorder, checkpoints=self.kept)

    def weights(self) -> Weights:
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}


def scores(*values: float) -> Callable[[], Metrics]:
    """A validation that finds these values of the metric, one after the other."""
    remaining: Iterator[float] = iter(values)
    return lambda: {"triple_f1": next(remaining)}


def equal(one: Weights, other: Weights) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


OPTIMIZERS = ["adam", "adamw", "rmsprop", "sgd"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(tiny: Path, name: str) -> None:
    fixture = Fixture(tiny, "trainer.epochs=3", f'trainer.optimizer={{"type": "{name}", "lr": 0.01}}')
    fixture.fit()
    losses = [report.loss for report in fixture.recorder.reports]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]


def test_callbacks_are_told_what_happens_in_order(tiny: Path) -> None:
    fixture = Fixture(tiny, "data_loader.batch_size=16")
    state = fixture.fit(scores(0.5, 0.4))
    epoch = ["step", "step", "step", "report"]
    events = ["epoch 1 of 3 steps", *epoch, "epoch 2 of 3 steps", *epoch, "end"]
    assert fixture.recorder.events == events
    assert (state.epoch, state.interrupted) == (2, False)
    first = fixture.recorder.reports[0]
    assert (first.epoch, first.metrics, first.improved) == (1, {"triple_f1": 0.5}, True)
    assert first.loss == fixture.recorder.losses[2]
    assert first.sentences_per_second > 0 and first.seconds > 0


def test_the_loss_of_an_epoch_is_the_mean_over_sentences(tiny: Path) -> None:
    still = 'trainer.optimizer={"type": "sgd", "lr": 0}'
    fixture = Fixture(tiny, "data_loader.batch_size=30", "model.head.dropout=0", still)
    fixture.fit()
    everything = fixture.corpus.batch(list(range(len(fixture.corpus))))
    with torch.no_grad():
        assert fixture.recorder.reports[0].loss == pytest.approx(fixture.model(everything).item(), rel=1e-4)


class TestNothingLearnt:
    def test_epochs_before_the_first_success_do_not_count_against_patience(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=9", "trainer.patience=1")
        state = fixture.fit(scores(0, 0, 0, 0.2, 0.0))
        assert (state.epoch, state.best_epoch) == (5, 4)

    def test_the_last_of_the_epochs_with_0_is_kept_and_a_warning_says_what_to_try(
        self, tiny: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fixture = Fixture(tiny, "trainer.epochs=3", "trainer.patience=1")
        state = fixture.fit(scores(0, 0, 0))
        assert (state.epoch, state.best_epoch) == (3, 3)
        assert equal(fixture.kept.weights()[-1], fixture.weights())
        [warning] = caplog.messages
        assert warning.startswith("triple_f1 was 0 in all 3 epochs: ")
        assert all(advice in warning for advice in ("trainer.epochs", "trainer.optimizer.lr", "oracle check"))

    @pytest.mark.parametrize("found", [(0.1, 0.0), None])
    def test_a_success_or_no_validation_is_no_reason_to_warn(
        self, tiny: Path, found: tuple[float, ...] | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        fixture = Fixture(tiny, "trainer.epochs=2")
        fixture.fit(scores(*found) if found else None)
        assert caplog.messages == []


class TestEarlyStopping:
    def test_it_waits_for_patience_epochs_after_the_best(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=9", "trainer.patience=2")
        state = fixture.fit(scores(0.1, 0.3, 0.2, 0.3, 0.9))
        assert (state.epoch, state.best_epoch, state.best_metrics) == (4, 2, {"triple_f1": 0.3})
        assert [report.improved for report in fixture.recorder.reports] == [True, True, False, False]

    def test_an_improvement_starts_the_patience_anew(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=5", "trainer.patience=2")
        state = fixture.fit(scores(0.1, 0.0, 0.2, 0.0, 0.3))
        assert (state.epoch, state.best_epoch) == (5, 5)

    def test_without_patience_all_epochs_are_run(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=4")
        state = fixture.fit(scores(0.4, 0.3, 0.2, 0.1))
        assert (state.epoch, state.best_epoch) == (4, 1)

    def test_the_weights_of_the_best_epoch_are_left_in_the_model(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=3")
        fixture.fit(scores(0.1, 0.3, 0.2))
        first, second, third = fixture.kept.weights()
        assert equal(second, fixture.weights())
        assert not equal(first, second) and not equal(second, third)
        assert [equal(tree["train_step"]["best"], second) for tree in fixture.kept.trees.values()] == [
            False,
            True,
            True,
        ]

    def test_without_validation_those_of_the_last_are(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=3")
        state = fixture.fit()
        assert state.best_epoch == 3
        assert equal(fixture.kept.weights()[-1], fixture.weights())

    def test_another_metric_may_decide(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=2", "trainer.validation_metric=+entity_f1")
        values = iter([{"triple_f1": 0.1, "entity_f1": 0.9}, {"triple_f1": 0.2, "entity_f1": 0.8}])
        assert fixture.fit(lambda: next(values)).best_epoch == 1


class TestGradients:
    def moved(self, tiny: Path, grad_norm: str) -> float:
        """How far one step of plain gradient descent goes."""
        fixture = Fixture(
            tiny, "trainer.epochs=1", "data_loader.batch_size=99", f"trainer.grad_norm={grad_norm}",
            'trainer.optimizer={"type": "sgd", "lr": 1}',
        )  # fmt: skip
        before = fixture.weights()
        fixture.fit()
        return math.sqrt(sum(((before[name] - after) ** 2).sum().item() for name, after in fixture.weights().items()))

    def test_they_are_clipped_to_the_norm(self, tiny: Path) -> None:
        assert self.moved(tiny, "0.25") == pytest.approx(0.25, rel=1e-3)

    def test_null_leaves_them_as_they_are(self, tiny: Path) -> None:
        assert self.moved(tiny, "null") > 2

    def test_frozen_weights_stay(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "model.embedder.trainable=false")
        before = fixture.weights()
        fixture.fit()
        moved = {name for name, tensor in fixture.weights().items() if not torch.equal(tensor, before[name])}
        assert "embedder.table" in before and "embedder.table" not in moved
        assert len(moved) > 5


class TestBadLoss:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_it_stops_the_run_and_shows_sentences(
        self, tiny: Path, value: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fixture = Fixture(tiny, "data_loader.batch_size=2")
        loss = fixture.model.head.loss

        def broken(scores: dict[str, Tensor], batch: Batch) -> Tensor:
            return loss(scores, batch) * (value if len(fixture.recorder.losses) == 3 else 1)

        monkeypatch.setattr(fixture.model.head, "loss", broken)
        before = fixture.weights()
        message = (
            rf"epoch 1, step 4: the loss is {value} on a batch of 2 sentences; alone, 2 of them have such a loss; the "
            r"first: training sentence \d+: \w+ .*; training sentence \d+: \w+ .*\n.* lower trainer.optimizer.lr.*"
        )
        failure = fixture.fit().failure
        assert isinstance(failure, TrainingError) and re.fullmatch(message, str(failure))
        assert fixture.recorder.events[-2:] == ["step", "end"]
        assert all(torch.isfinite(tensor).all() for tensor in fixture.weights().values())
        assert not equal(before, fixture.weights())


class TestInterrupt:
    def test_it_ends_the_epoch_after_the_step(self, tiny: Path) -> None:
        fixture = Fixture(tiny, "trainer.epochs=5")
        steps = self.interrupt_at(fixture, 12)
        state = fixture.fit(scores(0.5, 0.6))
        assert (state.interrupted, state.epoch, state.best_epoch) == (True, 1, 1)
        assert len(steps) == 12 and fixture.recorder.events[-1] == "end"

    def test_before_the_first_validation_nothing_is_best(self, tiny: Path) -> None:
        fixture = Fixture(tiny)
        self.interrupt_at(fixture, 1)
        state = fixture.fit(scores())
        assert (state.interrupted, state.epoch, state.best_epoch) == (True, 0, None)
        assert list(fixture.kept.trees) == [1]

    def interrupt_at(self, fixture: Fixture, step: int) -> list[float]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        losses = fixture.recorder.losses

        def on_step_end(report: StepReport) -> None:
            losses.append(report.mean_loss)
            if len(losses) == step:
                os.kill(os.getpid(), signal.SIGINT)

        fixture.recorder.on_step_end = on_step_end  # type: ignore[method-assign]
        return losses


@pytest.mark.parametrize("arguments", [{"epochs": 0}, {"patience": 0}, {"grad_norm": 0.0}, {"grad_norm": -1.0}])
def test_settings_without_sense_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="must be at least 1|must be above 0"):
        Trainer(**arguments)


def test_a_callback_whose_state_cannot_be_kept_is_one_error_before_the_first_step(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = Fixture(tiny)
    monkeypatch.setattr(fixture.recorder, "state_dict", lambda: {"seen": [np.zeros(3)]})
    message = "trainer.callbacks: Recorder: state_dict/seen/0: a ndarray cannot be kept in a checkpoint, only numbers"
    with pytest.raises(TrainingError, match=message):
        fixture.fit()
    assert fixture.recorder.events == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.optimizer.lr=0", "trainer.optimizer.lr is 0: the run learns nothing"),
        ("trainer.validate_every=3 epochs", "trainer.validate_every is longer than the run: its only report"),
        ("trainer.validate_every=99 steps", "trainer.validate_every is longer than the run: its only report"),
        ("model.head.dropout=1.0", "dropout is 1 in head.entity_task.dropout, head.joint_task.dropout: nothing passes"),
    ],
)
def test_settings_that_defeat_a_run_are_warned_of(
    tiny: Path, override: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    Fixture(tiny, "trainer.epochs=2").fit()
    assert message not in caplog.text
    Fixture(tiny, "trainer.epochs=2", override).fit()
    assert message in caplog.text
