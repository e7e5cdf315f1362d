"""Warn early of a run that goes wrong."""

import logging
import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Any

from relx.data.example import Example
from relx.registry import Injected
from relx.training.callbacks.callback import Callback, Report, StepReport

logger = logging.getLogger(__name__)

REMEMBERED = 100
FIRST_STEPS = 20


@Callback.register("alerts")
class Alerts(Callback):
    """Warn when a model predicts no relation, and when the norm of the gradients jumps.

    Both warnings compare with the run so far: one warning for each series of reports without a relation, unless the run
    is judged by entities, and at most one warning about gradients in an epoch. Gradients jump when their norm is not
    finite or ``spike`` times the highest median that it has had over 100 steps; late in a run, when norms are small, a
    return to an earlier norm means nothing. A loss that is not finite stops the run in any case.

    Args:
        no_relation_after: The number of reports in a row without a predicted relation before the warning.
        spike: The factor between a norm that causes a warning and the highest median so far.
        metric: The metric that selects the best weights; the trainer gives it.
    """

    def __init__(self, no_relation_after: int = 3, spike: float = 20.0, metric: Injected[str] = "triple_f1") -> None:
        if no_relation_after < 1:
            raise ValueError(f"no_relation_after is {no_relation_after}; it must be at least 1")
        if spike <= 1:
            raise ValueError(f"spike is {spike}; it must be above 1")
        self.no_relation_after = no_relation_after
        self.spike = spike
        self.relations_count = not metric.startswith("entity")
        self.gold = self.silent = 0
        self.norms: deque[float] = deque(maxlen=REMEMBERED)
        self.usual = 0.0
        self.warned_in = 0

    def on_step_end(self, report: StepReport) -> None:
        """Compare the norm of the gradients with the norms before."""
        if report.grad_norm is None:
            return
        if self._jumps(report.grad_norm) and self.warned_in != report.epoch:
            self.warned_in = report.epoch
            logger.warning(
                "epoch %d, step %d: the norm of the gradients is %.3g; the highest median of %d steps was %.3g. "
                "If this recurs, try a lower learning rate (trainer.optimizer.lr) or clipping (trainer.grad_norm)",
                report.epoch, report.step, report.grad_norm, REMEMBERED, self.usual,
            )  # fmt: skip
        if math.isfinite(report.grad_norm):
            self.norms.append(report.grad_norm)
            if len(self.norms) >= FIRST_STEPS:
                self.usual = max(self.usual, median(self.norms))

    def on_validation(self, gold: Sequence[Example], predicted: Sequence[Example]) -> None:
        """Count the reports in a row for which nothing was predicted."""
        self.gold = sum(len(example.relations) for example in gold)
        missing = self.relations_count and self.gold > 0 and not any(example.relations for example in predicted)
        self.silent = self.silent + 1 if missing else 0

    def on_report(self, report: Report) -> None:
        """Warn when there are ``no_relation_after`` of them."""
        if self.silent == self.no_relation_after:
            logger.warning(
                "no relation was predicted in %d reports in a row, of %d in the validation set. Most models need a few "
                "epochs; if it stays so, try another learning rate (trainer.optimizer.lr), and see with --overfit 8 "
                "whether the model learns a few sentences at all",
                self.silent, self.gold,
            )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Return what has been seen so far."""
        return {
            "silent": self.silent,
            "norms": list(self.norms),
            "usual": self.usual,
            "warned_in": self.warned_in,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.silent, self.usual, self.warned_in = state["silent"], state["usual"], state["warned_in"]
        self.norms = deque(state["norms"], maxlen=REMEMBERED)

    def _jumps(self, norm: float) -> bool:
        if not math.isfinite(norm):
            return True
        return len(self.norms) >= FIRST_STEPS and norm > self.spike * self.usual
