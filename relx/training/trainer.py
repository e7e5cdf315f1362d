"""The training loop."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from relx.data.batch import Batch, IndexedCorpus
from relx.data.loader import DataLoader, load
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.training.callbacks import Callback, EpochReport
from relx.training.interrupts import Interrupts
from relx.training.optimizers import Optimizer, RMSprop
from relx.training.parameter_groups import GroupSettings, parameter_groups, require_regexes

logger = logging.getLogger(__name__)

ValidationMetric = Literal[
    "+triple_precision", "+triple_recall", "+triple_f1", "+entity_precision", "+entity_recall", "+entity_f1"
]
Metrics = dict[str, float]


@dataclass
class TrainingState:
    """How far a run has come; ``failure`` is what ended it early, where that was an error."""

    epoch: int = 0
    best_epoch: int | None = None
    best_metrics: Metrics = field(default_factory=dict)
    interrupted: bool = False
    failure: TrainingError | None = None


class BadLoss(TrainingError):
    """The loss is not finite."""


@dataclass(frozen=True)
class Run:
    """What the trainer works on: the model, its data, and what is to happen after each epoch.

    ``validate`` gives the metrics of the validation set, or is None where there is none; ``keep`` stores the weights
    of the best epoch so far.
    """

    model: JointExtractor
    corpus: IndexedCorpus
    loader: DataLoader
    seed: int
    validate: Callable[[], Metrics] | None
    keep: Callable[[], None]
    callbacks: Sequence[Callback] = ()


class Trainer:
    """Epochs over bucketed batches, with early stopping on the validation set and the best weights kept.

    ``patience`` is the number of epochs without a better ``validation_metric`` after which training stops; it is not
    counted before the metric has risen above 0. ``grad_norm`` is the norm to which gradients are clipped;
    ``parameter_groups`` are settings that differ for the weights in whose name a regular expression is found. A loss
    that is not finite stops the run.
    """

    def __init__(
        self,
        epochs: int = 100,
        patience: int | None = None,
        validation_metric: ValidationMetric = "+triple_f1",
        optimizer: Optimizer | None = None,
        grad_norm: float | None = 5.0,
        parameter_groups: dict[str, GroupSettings] | None = None,
    ) -> None:
        if epochs < 1 or (patience is not None and patience < 1):
            raise ValueError("epochs and patience must be at least 1")
        if grad_norm is not None and grad_norm <= 0:
            raise ValueError(f"grad_norm is {grad_norm}; it must be above 0, or null for gradients as they are")
        require_regexes(parameter_groups or ())
        self.epochs = epochs
        self.patience = patience
        self.metric = validation_metric.removeprefix("+")
        self.optimizer = optimizer or RMSprop()
        self.grad_norm = grad_norm
        self.groups = parameter_groups or {}

    def fit(self, run: Run) -> TrainingState:
        """Train the model in place until the epochs, the patience, an interrupt or a loss that is not finite end it.

        Such a loss is the ``failure`` of the state, with the sentences of the batch. Raises ConfigError for groups that
        do not fit the model.
        """
        accelerator = Accelerator()
        groups = parameter_groups(run.model.named_parameters(), self.groups)
        model, optimizer = accelerator.prepare(run.model, self.optimizer.of(groups))
        stepper = _Stepper(accelerator, model, optimizer, self.grad_norm)
        state = TrainingState()
        try:
            with Interrupts() as interrupts:
                while not (interrupts.requested or state.epoch == self.epochs or self._out_of_patience(state)):
                    self._epoch(run, state, stepper, interrupts)
                state.interrupted = interrupts.requested
        except BadLoss as error:
            state.failure = error
        finally:
            for callback in run.callbacks:
                callback.on_end()
        self._warn_of_nothing_learnt(state)
        return state

    def _epoch(self, run: Run, state: TrainingState, stepper: "_Stepper", interrupts: Interrupts) -> None:
        started = time.perf_counter()
        plan = run.loader.plan(run.corpus.lengths, run.seed, state.epoch)
        for callback in run.callbacks:
            callback.on_epoch_start(state.epoch + 1, len(plan))
        loss = 0.0
        for loss in _running_mean(stepper.steps(load(run.corpus, plan))):
            for callback in run.callbacks:
                callback.on_step_end(loss)
            if interrupts.requested:
                return
        trained = time.perf_counter() - started
        metrics = run.validate() if run.validate is not None else {}
        improved = self._note_best(state, metrics, run)
        state.epoch += 1
        seconds = time.perf_counter() - started
        report = EpochReport(state.epoch, loss, metrics, improved, len(run.corpus) / trained, seconds)
        for callback in run.callbacks:
            callback.on_epoch_end(report)

    def _note_best(self, state: TrainingState, metrics: Metrics, run: Run) -> bool:
        """Whether this epoch is the best so far; without validation, or while the metric is 0, the last one is."""
        best = state.best_metrics.get(self.metric, 0.0)
        if best > 0 and metrics[self.metric] <= best:
            return False
        state.best_epoch, state.best_metrics = state.epoch + 1, metrics
        run.keep()
        return True

    def _warn_of_nothing_learnt(self, state: TrainingState) -> None:
        if state.best_metrics.get(self.metric) == 0:
            logger.warning(
                "%s was 0 in all %d epochs: the weights are kept, but they predict nothing right. Try more epochs "
                "(trainer.epochs) or a higher learning rate (trainer.optimizer.lr), and see in the oracle check "
                "whether the head can express the triples at all",
                self.metric, state.epoch,
            )  # fmt: skip

    def _out_of_patience(self, state: TrainingState) -> bool:
        return self.patience is not None and state.epoch - (state.best_epoch or 0) >= self.patience


class _Stepper:
    """One optimizer step for each batch."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: JointExtractor,
        optimizer: torch.optim.Optimizer,
        grad_norm: float | None,
    ) -> None:
        self.accelerator = accelerator
        self.model = model
        self.optimizer = optimizer
        self.grad_norm = grad_norm

    def steps(self, batches: Iterator[Batch]) -> Iterator[tuple[float, int]]:
        """(loss, sentences) of each step."""
        self.model.train()
        for batch in batches:
            yield self._step(batch.to(self.accelerator.device)), len(batch)

    def _step(self, batch: Batch) -> float:
        loss: Tensor = self.model(batch)
        value = loss.item()
        if not math.isfinite(value):
            shown = "; ".join(" ".join(example.tokens)[:80] for example in batch.examples[:3])
            raise BadLoss(f"the loss is {value} on a batch of {len(batch)} sentences; the first: {shown}")
        self.accelerator.backward(loss)
        if self.grad_norm is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return value


def _running_mean(steps: Iterator[tuple[float, int]]) -> Iterator[float]:
    total, seen = 0.0, 0
    for loss, sentences in steps:
        total, seen = total + loss * sentences, seen + sentences
        yield total / seen
