"""What callbacks are told, for their tests."""

from typing import Any

from relx.training.callbacks import Report, StepReport


def step(number: int = 1, epoch: int = 1, **values: Any) -> StepReport:
    """A step whose values are unremarkable but for those that are given."""
    usual: dict[str, Any] = {"loss": 0.5, "mean_loss": 0.25, "grad_norm": 1.0, "lr": 0.01}
    return StepReport(epoch, number, **{**usual, **values})


def report(epoch: int = 3, step: int = 12, **values: Any) -> Report:
    """The same for a report."""
    metrics = {"triple_f1": 0.125, "triple_recall": 0.2, "entity_f1": 1.0}
    usual: dict[str, Any] = {
        "loss": 0.5, "metrics": metrics, "improved": True, "sentences_per_second": 123.4, "seconds": 2.0,
    }  # fmt: skip
    return Report(epoch, step, **{**usual, **values})
