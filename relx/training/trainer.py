"""How a model is trained, as an experiment file says it."""

import logging
from dataclasses import replace
from typing import Literal

from relx.data.sizes import require_sizes
from relx.registry import Lazy
from relx.training import snapshot
from relx.training.averaging import Averaging
from relx.training.callbacks import Callback
from relx.training.course import Course, Every
from relx.training.interrupts import Interrupts
from relx.training.loop import Loop, Run
from relx.training.optimizers import Optimizer, RMSprop
from relx.training.parameter_groups import GroupSettings, parameter_groups, require_regexes
from relx.training.processes import Precision
from relx.training.schedules import Schedule
from relx.training.state import TrainingState
from relx.training.stepper import BadLoss, Stepper

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
        averaging: Averaging | None = None,
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
        self.course = Course(epochs, patience, validation_metric.removeprefix("+"), Every(every))
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

    def _stepper(self, run: Run) -> Stepper:
        groups = parameter_groups(run.model.named_parameters(), self.groups)
        steps = len(run.loader.steps(run.corpus.lengths, run.seed, 0, self.accumulate))
        return Stepper(
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
