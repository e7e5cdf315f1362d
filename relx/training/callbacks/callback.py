"""The kind of component that observes a run, and the reports that it receives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relx.data.example import Example
from relx.registry import Registrable


@dataclass(frozen=True)
class StepReport:
    """The result of a step of the optimizer.

    ``step`` is counted from 1 over the whole run. ``loss`` is the mean over the step's sentences, ``mean_loss`` over
    those since the last report. ``grad_norm`` is the norm of the gradients before they were clipped, None for a step
    that was left out because they overflow in fp16; ``lr`` the learning rate of the first group of weights.
    """

    epoch: int
    step: int
    loss: float
    mean_loss: float
    grad_norm: float | None
    lr: float


@dataclass(frozen=True)
class Report:
    """The result of an interval of the trainer (``validate_every``), such as an epoch.

    ``epoch`` and ``step`` are those of its last step. ``loss`` is the mean over the sentences since the report before.
    ``metrics`` are those of the validation set; empty without one. ``improved`` says whether the weights are the best
    so far.
    """

    epoch: int
    step: int
    loss: float
    metrics: dict[str, float]
    improved: bool
    sentences_per_second: float
    seconds: float


class Callback(Registrable, kind="callback", injects=("folder", "epochs", "metric", "protocol")):
    """Observe a run through hooks that the trainer calls; each does nothing unless it is overridden.

    A callback can take the ``folder`` of the run, the number of ``epochs``, and the ``metric`` that selects the best
    weights, which is computed under ``protocol``. Only the first of several processes has callbacks.
    """

    def on_epoch_start(self, epoch: int, steps: int, done: int) -> None:
        """Handle the start of an epoch, numbered from 1, or its resumption after ``done`` of its steps."""

    def on_step_end(self, report: StepReport) -> None:
        """Handle a step of the optimizer."""

    def on_validation(self, gold: Sequence[Example], predicted: Sequence[Example]) -> None:
        """Handle the predictions for the validation set, in the order of gold, before ``on_report``."""

    def on_report(self, report: Report) -> None:
        """Handle a report: after each epoch, or as often as ``validate_every`` says."""

    def on_end(self) -> None:
        """Handle the end of the run, also when an error or an interrupt ended it early."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to continue as if it had never stopped: plain values and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned, before the first hook of a resumed run."""
