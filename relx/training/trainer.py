"""The training loop: from where a run stands to its end, step by step, with reports and checkpoints on the way."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

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
from relx.training.stepper import BadLoss, Part, Step, TrainStep
from relx.utils.argument_checks import require_sizes
from relx.utils.runtime import random_state_kept

WRITTEN = re.compile(r"(\d+) (step|epoch)s?")


class Every:
    """``500 steps`` or ``2 epochs``. Raises ValueError for anything else."""

    def __init__(self, text: str) -> None:
        found = WRITTEN.fullmatch(text)
        if found is None or int(found[1]) == 0:
            raise ValueError(f"every is {text!r}; write a number of steps or epochs, such as '500 steps' or '1 epoch'")
        self.count = int(found[1])
        self.by_steps = found[2] == "step"

    def is_due(self, state: TrainingState) -> bool:
        """Whether the last step completes so many steps or epochs of the run."""
        if self.by_steps:
            return state.step % self.count == 0
        return state.position == 0 and state.epoch % self.count == 0


@dataclass(frozen=True)
class StoppingCriteria:
    """When a run is looked at and when it ends: after ``epochs``, or ``patience`` reports without a better ``metric``.

    Reports before the first one whose metric is above 0 do not count.
    """

    epochs: int
    patience: int | None
    metric: str
    every: Every

    def report_is_due(self, state: TrainingState) -> bool:
        """Whether the last step is to be reported, and has not been; that of the last epoch is in any case."""
        return state.step > state.reported and (self.every.is_due(state) or state.epoch >= self.epochs)

    def is_over(self, state: TrainingState) -> bool:
        """Whether no step is to follow."""
        return state.epoch >= self.epochs or self._out_of_patience(state)

    def is_better(self, metrics: Metrics, state: TrainingState) -> bool:
        """Than the best so far; without validation, or while the metric is 0, the last one always is."""
        best = state.best_metrics.get(self.metric, 0.0)
        return best <= 0 or metrics[self.metric] > best

    def _out_of_patience(self, state: TrainingState) -> bool:
        best = state.best.report if state.best is not None else 0
        return self.patience is not None and state.reports - best >= self.patience


@dataclass(frozen=True)
class Run:
    """What the trainer works on: a model, its data, the processes, and what watches and keeps.

    ``validate`` gives the metrics of the validation set, in every process; it is None where there is none.
    ``callbacks`` are those of the main process. ``checkpoints`` are None for a run that keeps nothing; ``about`` is put
    into each of them, and ``resumed`` is the one from which the run goes on.
    """

    model: JointExtractor
    corpus: TensorDataset
    loader: DataLoader
    seed: int
    validate: Callable[[], Metrics] | None = None
    callbacks: Sequence[Callback] = ()
    processes: Distributed = field(default_factory=Distributed)
    checkpoints: Checkpoints | None = None
    about: dict[str, Any] = field(default_factory=dict)
    resumed: dict[str, Any] | None = None


class Loop:
    """Steps, each of ``accumulate`` batches, along a course; ``save`` keeps everything as it stands."""

    def __init__(
        self,
        run: Run,
        course: StoppingCriteria,
        accumulate: int,
        stepper: TrainStep,
        state: TrainingState,
        save: Callable[[], None],
    ) -> None:
        self.run = run
        self.course = course
        self.accumulate = accumulate
        self.stepper = stepper
        self.state = state
        self.save = save
        self.steps: list[list[np.ndarray]] = []
        self.planned: int | None = None
        self.clock = _Clock()

    def train(self, interrupts: Interrupts) -> None:
        """Go on to the end, or to the step in which one of the processes is interrupted. Raises BadLoss."""
        while not self.run.processes.any(interrupts.requested):
            if self.course.report_is_due(self.state):
                self._report()
            elif self.course.is_over(self.state):
                return
            else:
                self._step()
        self.state.interrupted = True
        self.save()

    def _step(self) -> None:
        state = self.state
        self._plan_epoch()
        batches = self.steps[state.position]
        sentences = sum(map(len, batches))
        step = self._taken(batches, sentences)
        state.advance(step.loss, sentences, len(self.steps))
        self.clock.sentences += sentences
        report = StepReport(state.present_epoch, state.step, step.loss, state.mean_loss, step.grad_norm, step.lr)
        with random_state_kept():
            for callback in self.run.callbacks:
                callback.on_step_end(report)

    def _plan_epoch(self) -> None:
        if self.planned != self.state.epoch:
            run, self.planned = self.run, self.state.epoch
            self.steps = run.loader.steps(run.corpus.lengths, run.seed, self.planned, self.accumulate)
            with random_state_kept():
                for callback in self.run.callbacks:
                    callback.on_epoch_start(self.planned + 1, len(self.steps), self.state.position)

    def _taken(self, batches: Sequence[np.ndarray], sentences: int) -> Step:
        run, state = self.run, self.state
        parts = [Part.share(run.corpus, rows, run.processes) for rows in batches]
        try:
            return self.stepper.step(state.step, parts, sentences)
        except BadLoss as error:
            raise BadLoss(f"epoch {state.epoch + 1}, step {state.step + 1}: {error}") from error

    def _report(self) -> None:
        state = self.state
        speed, loss = self.clock.sentences_per_second(), state.mean_loss
        metrics = self._validate()
        improved = self.course.is_better(metrics, state)
        state.note_report(metrics, improved)
        if improved:
            self.stepper.keep()
        seconds = self.clock.restart()
        state.seconds += seconds
        report = Report(state.present_epoch, state.step, loss, metrics, improved, speed, seconds)
        with random_state_kept():
            for callback in self.run.callbacks:
                callback.on_report(report)
        self.save()

    def _validate(self) -> Metrics:
        if self.run.validate is None:
            return {}
        with self.stepper.weights_to_keep():
            metrics = self.run.validate()
        if self.stepper.schedule is not None:
            self.stepper.schedule.observe(metrics[self.course.metric])
        return metrics


class _Clock:
    """The time since the last report, and the sentences trained on in it."""

    def __init__(self) -> None:
        self.restart()

    def sentences_per_second(self) -> float:
        return self.sentences / (time.perf_counter() - self.started)

    def restart(self) -> float:
        """The seconds that have passed."""
        now = time.perf_counter()
        passed = now - getattr(self, "started", now)
        self.started, self.sentences = now, 0
        return passed


logger = logging.getLogger(__name__)

ValidationMetric = Literal[
    "+triple_precision", "+triple_recall", "+triple_f1", "+entity_precision", "+entity_recall", "+entity_f1"
]


class Trainer:
    """Epochs over bucketed batches, with early stopping on the validation set and the best weights kept.

    ``every`` so many steps or epochs (``500 steps``, ``1 epoch``) the model is validated, reported and kept: the last
    ``keep_checkpoints`` checkpoints stay, and the best one. ``patience`` is the number of reports without a better
    ``validation_metric`` after which training stops; it is not counted before the metric has risen above 0.
    Where no relation can be found, the entities are judged in place of the triples.

    A step of the optimizer takes ``accumulate`` batches. ``grad_norm`` is the norm to which gradients are clipped;
    ``schedule`` puts a factor on the learning rates; ``parameter_groups`` are settings that differ for the weights in
    whose name a regular expression is found; ``averaging`` gives the weights that are validated and archived;
    ``initialize`` names archives from which parts of the model, by dotted name, take their first weights. The forward
    pass is computed in ``precision``, the weights are in fp32 always.
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
        averaging: EMA | None = None,
        initialize: dict[str, str] | None = None,
        callbacks: list[Lazy[Callback]] | None = None,
        precision: Precision = "fp32",
        accumulate: int = 1,
        every: str = "1 epoch",
        keep_checkpoints: int = 2,
    ) -> None:
        if epochs < 1 or (patience is not None and patience < 1):
            raise ValueError("epochs and patience must be at least 1")
        if grad_norm is not None and grad_norm <= 0:
            raise ValueError(f"grad_norm is {grad_norm}; it must be above 0, or null for gradients as they are")
        require_sizes(accumulate=accumulate, keep_checkpoints=keep_checkpoints)
        require_regexes(parameter_groups or ())
        self.course = StoppingCriteria(epochs, patience, validation_metric.removeprefix("+"), Every(every))
        self.optimizer = optimizer or RMSprop()
        self.grad_norm = grad_norm
        self.groups = parameter_groups or {}
        self.schedule = schedule
        self.averaging = averaging
        self.initialize = initialize or {}
        self.callbacks = callbacks or []
        self.precision = precision
        self.accumulate = accumulate
        self.keep_checkpoints = keep_checkpoints

    def judge_by_entities(self) -> None:
        """Judge the run by the score of entities that corresponds to the score of triples it is judged by."""
        self.course = replace(self.course, metric=self.course.metric.replace("triple", "entity"))

    def fit(self, run: Run) -> TrainingState:
        """Train the model in place until the epochs, the patience, an interrupt or a loss that is not finite end it.

        The model is left with the best weights, or with the last ones if no report was made. A loss that is not finite
        is the ``failure`` of the state, with the sentences of the batch. Raises ConfigError for groups that do not fit
        the model, TrainingError for a checkpoint that cannot be written, a callback whose state cannot be kept, or the
        memory that does not suffice.
        """
        stepper = self._stepper(run)
        if self.schedule is not None:
            self.schedule.warn_of_long_warmup(stepper.total)
        state = snapshot.restored(run.resumed, run, stepper) if run.resumed is not None else TrainingState()
        if run.checkpoints is not None:
            run.processes.on_main(lambda: snapshot.require_keepable(run.callbacks))

        def save() -> None:
            if run.checkpoints is not None:
                keep, tree = run.checkpoints.save, snapshot.taken(run, stepper, state)
                run.processes.on_main(lambda: keep(state.step, tree))

        try:
            with Interrupts(run.processes.count > 1) as interrupts:
                Loop(run, self.course, self.accumulate, stepper, state, save).train(interrupts)
        except BadLoss as error:
            state.failure = error
        finally:
            for callback in run.callbacks:
                callback.on_end()
        self._warn_of_nothing_learnt(state)
        stepper.settle()
        return state

    def _stepper(self, run: Run) -> TrainStep:
        groups = parameter_groups(run.model.named_parameters(), self.groups)
        steps = len(run.loader.steps(run.corpus.lengths, run.seed, 0, self.accumulate))
        return TrainStep(
            run.model, self.optimizer.of(groups), run.processes, self.grad_norm, self.schedule, self.averaging,
            total=steps * self.course.epochs,
        )  # fmt: skip

    def _warn_of_nothing_learnt(self, state: TrainingState) -> None:
        if state.best_metrics.get(self.course.metric) == 0:
            logger.warning(
                "%s was 0 in all %d epochs: the weights are kept, but they predict nothing right. Try more epochs "
                "(trainer.epochs) or a higher learning rate (trainer.optimizer.lr), and see in the oracle check "
                "whether the head can express the triples at all",
                self.course.metric, state.epoch,
            )  # fmt: skip
