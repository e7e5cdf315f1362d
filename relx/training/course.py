"""How long a run goes on, and how often it is looked at."""

import re
from dataclasses import dataclass

from relx.training.state import Metrics, TrainingState

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
class Course:
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
