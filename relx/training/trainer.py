"""Train a model: the settings of the trainer, when to validate and when to stop, and the loop over the steps."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from torch import nn

from relx.data.batch import TensorDataset
from relx.data.loader import DataLoader
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.training.callbacks import Callback, Report, StepReport
from relx.training.checkpointing import snapshot
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.state import Metrics, TrainingState
from relx.training.distributed import Distributed, Precision
from relx.training.interrupts import Interrupts
from relx.training.optim.ema import EMA
from relx.training.optim.optimizers import Optimizer, RMSprop
from relx.training.optim.parameter_groups import GroupSettings, parameter_groups, require_regexes
from relx.training.optim.schedules import Schedule
from relx.training.train_step import BadLoss, TrainStep
from relx.utils.argument_checks import require_sizes
from relx.utils.runtime import random_state_kept

logger = logging.getLogger(__name__)

ValidationMetric = Literal[
    "+triple_precision", "+triple_recall", "+triple_f1", "+entity_precision", "+entity_recall", "+entity_f1"
]


class Trainer:
    """Train a model in epochs of batches, with early stopping on the validation set, and keep the best weights.

    A report validates the model, writes a checkpoint and calls the callbacks. Where no relation can be found, entities
    are scored in place of triples.

    Args:
        epochs: The largest number of epochs.
        patience: Stop after this many reports without a better ``validation_metric``. Reports before the metric first
            rises above 0 do not count. null: never.
        validation_metric: The metric that selects the best weights, under the experiment's first protocol.
        optimizer: The algorithm that updates the weights; RMSprop unless it is given.
        grad_norm: The norm to which the gradients are clipped. null: no clipping.
        parameter_groups: Settings of their own for the weights in whose name a regular expression is found, by this
            expression.
        schedule: The factor on the learning rates at each step. null: 1.
        ema: An exponential moving average of the weights, which is validated and archived in their place.
        init_from: Archives from which parts of the model take their first weights, by the dotted name of the part.
        callbacks: Observers of the run, in addition to the callbacks of every run.
        precision: The precision of the forward pass. Weights, loss and validation are always in fp32.
        gradient_accumulation_steps: The number of batches in a step of the optimizer.
        validate_every: The interval between reports, such as ``500 steps`` or ``2 epochs``. The last step is always
            reported.
        keep_checkpoints: The number of checkpoints that are kept. Each holds the best weights beside its own.
    """

    def __init__(
        self,
        epochs: int = 100,
        patience: int | None = None,
        validation_metric: ValidationMetric = "+triple_f1",
        optimizer: Optimizer | None = None,
        grad_norm: float | None = 5.0,
        parameter_groups: dict[str, GroupSettings] | None = None,
        schedule: Schedule | None = None,
        ema: EMA | None = None,
        init_from: dict[str, str] | None = None,
        callbacks: list[Lazy[Callback]] | None = None,
        precision: Precision = "fp32",
        gradient_accumulation_steps: int = 1,
        validate_every: str = "1 epoch",
        keep_checkpoints: int = 2,
    ) -> None:
        if epochs < 1 or (patience is not None and patience < 1):
            raise ValueError("epochs and patience must be at least 1")
        if grad_norm is not None and grad_norm <= 0:
            raise ValueError(f"grad_norm is {grad_norm}; it must be above 0, or null for no clipping")
        require_sizes(gradient_accumulation_steps=gradient_accumulation_steps, keep_checkpoints=keep_checkpoints)
        require_regexes(parameter_groups or ())
        self.stopping = StoppingCriteria(epochs, patience, validation_metric.removeprefix("+"))
        self.validate_every = Interval(validate_every)
        self.optimizer = optimizer or RMSprop()
        self.grad_norm = grad_norm
        self.groups = parameter_groups or {}
        self.schedule = schedule
        self.ema = ema
        self.init_from = init_from or {}
        self.callbacks = callbacks or []
        self.precision = precision
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.keep_checkpoints = keep_checkpoints

    def judge_by_entities(self) -> None:
        """Select the best weights by the score of entities that corresponds to the chosen score of triples."""
        self.stopping = replace(self.stopping, metric=self.stopping.metric.replace("triple", "entity"))

    def fit(
        self,
        model: JointExtractor,
        dataset: TensorDataset,
        loader: DataLoader,
        seed: int,
        validate: Callable[[], Metrics] | None = None,
        callbacks: Sequence[Callback] = (),
        distributed: Distributed | None = None,
        checkpoints: Checkpoints | None = None,
        fingerprint: snapshot.Tree | None = None,
        resumed: snapshot.Tree | None = None,
    ) -> TrainingState:
        """Train the model in place until the epochs, the patience, an interrupt or a loss that is not finite end it.

        ``validate`` returns the metrics of the validation set, in every process. Only the main process has
        ``callbacks``. Each of the ``checkpoints`` includes ``fingerprint``; ``resumed`` is the one to continue from.

        The model ends with the best weights, or with the last ones if no report was made. A loss that is not finite is
        the ``failure`` of the state. Raises ConfigError for groups that do not fit the model, TrainingError for a
        checkpoint that cannot be written, a callback whose state cannot be saved, or a lack of memory.
        """
        distributed = distributed or Distributed()

        def plan(epoch: int) -> list[list[np.ndarray]]:
            return loader.steps(dataset.costs, seed, epoch, self.gradient_accumulation_steps)

        groups = parameter_groups(model.named_parameters(), self.groups)
        total = len(plan(0)) * self.stopping.epochs
        train_step = TrainStep(
            model, self.optimizer.build(groups), distributed, self.grad_norm, self.schedule, self.ema, total
        )
        self._warn_of_odd_settings(model, [group["lr"] for group in train_step.optimizer.param_groups], total)
        state = TrainingState() if resumed is None else snapshot.restore(resumed, train_step, callbacks)
        if checkpoints is not None:
            distributed.on_main(lambda: snapshot.require_keepable(callbacks))

        def save() -> None:
            if checkpoints is not None:
                tree = {**snapshot.capture(state, train_step, callbacks), **(fingerprint or {})}
                distributed.on_main(lambda: checkpoints.save(state.step, tree))

        try:
            with Interrupts(distributed.count > 1) as interrupts:
                _Loop(self, dataset, plan, train_step, state, validate, callbacks, save).run(interrupts)
        except BadLoss as error:
            state.failure = error
        finally:
            for callback in callbacks:
                callback.on_end()
        if state.best_metrics.get(self.stopping.metric) == 0:
            self._warn_of_nothing_learned(state)
        train_step.load_best()
        return state

    def _warn_of_nothing_learned(self, state: TrainingState) -> None:
        logger.warning(
            "%s was 0 in all %d epochs: the weights are kept, but they predict nothing correctly. Try more epochs "
            "(trainer.epochs) or a higher learning rate (trainer.optimizer.lr), and see in the oracle check "
            "whether the head can express the triples at all",
            self.stopping.metric, state.epoch,
        )  # fmt: skip

    def _warn_of_odd_settings(self, model: JointExtractor, rates: Iterable[float], total: int) -> None:
        """Warn of settings with which a run of ``total`` steps learns nothing, or reports only at its end."""
        if self.schedule is not None:
            self.schedule.warn_of_long_warmup(total)
        if not any(rates):
            logger.warning("trainer.optimizer.lr is 0: the run learns nothing")
        if self.validate_every.is_longer_than(total, self.stopping.epochs):
            logger.warning("trainer.validate_every is longer than the run: its only report is at the end")
        idle = [name for name, part in model.named_modules() if isinstance(part, nn.Dropout) and part.p == 1]
        if idle:
            logger.warning("dropout is 1 in %s: nothing passes through it in training", ", ".join(idle))


class Interval:
    """An interval of ``500 steps`` or ``2 epochs``. Raises ValueError for any other text."""

    def __init__(self, text: str) -> None:
        found = re.fullmatch(r"(\d+) (step|epoch)s?", text)
        if found is None or int(found[1]) == 0:
            raise ValueError(
                f"validate_every is {text!r}; write a number of steps or epochs, such as '500 steps' or '1 epoch'"
            )
        self.count = int(found[1])
        self.by_steps = found[2] == "step"

    def is_longer_than(self, steps: int, epochs: int) -> bool:
        """Return whether a run of so many steps and epochs ends before the interval."""
        return self.count > (steps if self.by_steps else epochs)

    def is_due(self, state: TrainingState, epochs: int) -> bool:
        """Return whether the last step ends an interval, or the last of the epochs, and has not been reported."""
        if state.step == state.reported:
            return False
        if self.by_steps:
            return state.step % self.count == 0 or state.epoch >= epochs
        return state.position == 0 and (state.epoch % self.count == 0 or state.epoch >= epochs)


@dataclass(frozen=True)
class StoppingCriteria:
    """Stop after ``epochs``, or after ``patience`` reports without a better ``metric``.

    Reports before the first one whose metric is above 0 do not count.
    """

    epochs: int
    patience: int | None
    metric: str

    def should_stop(self, state: TrainingState) -> bool:
        """Return whether no step is to follow."""
        best = state.best.report if state.best is not None else 0
        out_of_patience = self.patience is not None and state.reports - best >= self.patience
        return state.epoch >= self.epochs or out_of_patience

    def is_better(self, metrics: Metrics, state: TrainingState) -> bool:
        """Return whether the metric beats the best so far. Without validation, or while it is 0, any report does."""
        best = state.best_metrics.get(self.metric, 0.0)
        return best <= 0 or metrics[self.metric] > best


class _Loop:
    """The steps and reports of a run, from the present state to its end. ``plan`` gives the batches of each step."""

    def __init__(
        self,
        trainer: Trainer,
        dataset: TensorDataset,
        plan: Callable[[int], list[list[np.ndarray]]],
        train_step: TrainStep,
        state: TrainingState,
        validate: Callable[[], Metrics] | None,
        callbacks: Sequence[Callback],
        save: Callable[[], None],
    ) -> None:
        self.trainer = trainer
        self.dataset = dataset
        self.plan = plan
        self.train_step = train_step
        self.state = state
        self.validate = validate
        self.callbacks = callbacks
        self.save = save
        self.planned_epoch: int | None = None
        self.steps: list[list[np.ndarray]] = []
        self.started = time.perf_counter()
        self.sentences = 0

    def run(self, interrupts: Interrupts) -> None:
        """Train to the end, or to the step in which one of the processes is interrupted. Raises BadLoss."""
        stopping, validate_every = self.trainer.stopping, self.trainer.validate_every
        while not self.train_step.distributed.any(interrupts.requested):
            if validate_every.is_due(self.state, stopping.epochs):
                self._report()
            elif stopping.should_stop(self.state):
                return
            else:
                self._step()
        self.state.interrupted = True
        self.save()

    def _step(self) -> None:
        state = self.state
        if self.planned_epoch != state.epoch:
            self.planned_epoch, self.steps = state.epoch, self.plan(state.epoch)
            self._notify(lambda callback: callback.on_epoch_start(state.epoch + 1, len(self.steps), state.position))
        batches = self.steps[state.position]
        sentences = sum(map(len, batches))
        try:
            step = self.train_step.on_batches(state.step, self.dataset, batches)
        except BadLoss as error:
            raise BadLoss(f"epoch {state.epoch + 1}, step {state.step + 1}: {error}") from error
        state.advance(step.loss, sentences, len(self.steps))
        self.sentences += sentences
        report = StepReport(state.present_epoch, state.step, step.loss, state.mean_loss, step.grad_norm, step.lr)
        self._notify(lambda callback: callback.on_step_end(report))

    def _report(self) -> None:
        state, loss = self.state, self.state.mean_loss
        speed = self.sentences / (time.perf_counter() - self.started)
        metrics = self._metrics()
        improved = self.trainer.stopping.is_better(metrics, state)
        state.note_report(metrics, improved)
        if improved:
            self.train_step.keep_best()
        now = time.perf_counter()
        seconds = now - self.started
        self.started, self.sentences = now, 0
        state.seconds += seconds
        report = Report(state.present_epoch, state.step, loss, metrics, improved, speed, seconds)
        self._notify(lambda callback: callback.on_report(report))
        self.save()

    def _metrics(self) -> Metrics:
        """Validate the weights that will be archived, and pass the metric to the schedule."""
        if self.validate is None:
            return {}
        with self.train_step.averaged_weights():
            metrics = self.validate()
        if self.trainer.schedule is not None:
            self.trainer.schedule.observe(metrics[self.trainer.stopping.metric])
        return metrics

    def _notify(self, call: Callable[[Callback], Any]) -> None:
        with random_state_kept():
            for callback in self.callbacks:
                call(callback)
