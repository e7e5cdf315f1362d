"""The training loop: from where a run stands to its end, step by step, with reports and checkpoints on the way."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relx.data.batch import IndexedCorpus
from relx.data.loader import DataLoader
from relx.model import JointExtractor
from relx.runtime import random_state_kept
from relx.training.callbacks import Callback, Report, StepReport
from relx.training.checkpoints import Checkpoints
from relx.training.course import Course
from relx.training.interrupts import Interrupts
from relx.training.processes import Processes
from relx.training.state import Metrics, TrainingState
from relx.training.stepper import BadLoss, Part, Step, Stepper


@dataclass(frozen=True)
class Run:
    """What the trainer works on: a model, its data, the processes, and what watches and keeps.

    ``validate`` gives the metrics of the validation set, in every process; it is None where there is none.
    ``callbacks`` are those of the main process. ``checkpoints`` are None for a run that keeps nothing; ``about`` is put
    into each of them, and ``resumed`` is the one from which the run goes on.
    """

    model: JointExtractor
    corpus: IndexedCorpus
    loader: DataLoader
    seed: int
    validate: Callable[[], Metrics] | None = None
    callbacks: Sequence[Callback] = ()
    processes: Processes = field(default_factory=Processes)
    checkpoints: Checkpoints | None = None
    about: dict[str, Any] = field(default_factory=dict)
    resumed: dict[str, Any] | None = None


class Loop:
    """Steps, each of ``accumulate`` batches, along a course; ``save`` keeps everything as it stands."""

    def __init__(
        self,
        run: Run,
        course: Course,
        accumulate: int,
        stepper: Stepper,
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
