"""The kind of component that watches a run, and what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relx.data.example import Example
from relx.registry import Registrable


@dataclass(frozen=True)
class StepReport:
    """What a step of the optimizer came to.

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
    """What an epoch came to, or so many steps: what the trainer's ``every`` says.

    ``epoch`` and ``step`` say where that was. ``loss`` is the mean over the sentences since the report before;
    ``metrics`` are those of the validation set, none where there is none. ``improved`` tells whether the weights were
    kept, as the best so far.
    """

    epoch: int
    step: int
    loss: float
    metrics: dict[str, float]
    improved: bool
    sentences_per_second: float
    seconds: float


class Callback(Registrable, kind="callback", injects=("folder", "epochs", "metric", "protocol")):
    """Hooks that the trainer calls; each does nothing unless overridden.

    A callback may ask for the ``folder`` of the run, the number of ``epochs``, and the ``metric`` that selects the best
    one, which is counted under ``protocol``. Of several processes only the first one has callbacks.
    """

    def on_epoch_start(self, epoch: int, steps: int, done: int) -> None:
        """Before an epoch, which is numbered from 1, and where a run resumes when so many of its steps are done."""

    def on_step_end(self, report: StepReport) -> None:
        """After a step of the optimizer."""

    def on_validation(self, gold: Sequence[Example], predicted: Sequence[Example]) -> None:
        """After the validation set was predicted, before ``on_report``; sentence by sentence in the same order."""

    def on_report(self, report: Report) -> None:
        """After each epoch and its validation, or as often as the trainer's ``every`` says."""

    def on_end(self) -> None:
        """After the last epoch, also when an error or an interrupt ended it early."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to go on as if it had never stopped: plain values and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave, before the first hook of a resumed run."""
