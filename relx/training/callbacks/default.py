"""The callbacks of a run. Every run has progress, metrics, alerts and samples."""

import logging
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from relx.registry import Injected, Lazy
from relx.training.callbacks.alerts import Alerts
from relx.training.callbacks.callback import Callback, Report, StepReport
from relx.training.callbacks.metrics_file import MetricsFile
from relx.training.callbacks.samples import Samples
from relx.training.trainer import Trainer

logger = logging.getLogger(__name__)


def callbacks_of(trainer: Trainer, folder: Path, protocol: str) -> list[Callback]:
    """Return the callbacks of a run in this folder: those that every run has, then those that its trainer names.

    A callback that the trainer names replaces the one of the same class. Raises ConfigError for a bad setting and
    MissingExtra for a package that is not installed.
    """
    always: list[type[Callback]] = [EpochLines, MetricsFile, Alerts, Samples]
    if sys.stderr.isatty() or _in_notebook():
        always.insert(0, ProgressBar)
    named = trainer.callbacks
    unnamed = [Lazy(callback) for callback in always if all(callback is not lazy.constructor for lazy in named)]
    injected = {
        "folder": folder,
        "epochs": trainer.stopping.epochs,
        "metric": trainer.stopping.metric,
        "protocol": protocol,
    }
    return [lazy.build(**injected) for lazy in (*unnamed, *named)]


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


class ProgressBar(Callback):
    """Show a bar for each epoch, with the loss and the best validation so far, on a terminal or in a notebook.

    A notebook keeps everything that is written to it, so that there only an epoch of more than two seconds has a bar.
    """

    def __init__(self, epochs: Injected[int], metric: Injected[str], protocol: Injected[str]) -> None:
        self.epochs = epochs
        self.metric = metric
        self.protocol = protocol
        self.best = ""
        self.bar: tqdm | None = None

    def on_epoch_start(self, epoch: int, steps: int, done: int) -> None:
        """Open the epoch's bar."""
        self.on_end()
        self.bar = tqdm(
            total=steps, initial=done, desc=f"epoch {epoch}/{self.epochs}", leave=False, file=sys.stderr,
            delay=2.0 if _in_notebook() else 0.0,
        )  # fmt: skip

    def on_step_end(self, report: StepReport) -> None:
        """Advance the bar."""
        assert self.bar is not None
        self.bar.set_postfix_str(f"loss {report.mean_loss:.3f}{self.best}", refresh=False)
        self.bar.update()

    def on_report(self, report: Report) -> None:
        """Hide the bar until the next step, and note the best metric."""
        if self.bar is not None:
            self.bar.clear()
        if report.improved and self.metric in report.metrics:
            self.best = f", best {self.metric} {100 * report.metrics[self.metric]:.1f} ({self.protocol})"

    def on_end(self) -> None:
        """Close the bar if it is still open."""
        if self.bar is not None:
            self.bar.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the best metric, as it is shown."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.best = state["best"]


class EpochLines(Callback):
    """Log one line of text for each report."""

    def __init__(self, epochs: Injected[int], protocol: Injected[str]) -> None:
        self.epochs = epochs
        self.protocol = protocol

    def on_report(self, report: Report) -> None:
        """Log the line."""
        f1 = {name: 100 * value for name, value in report.metrics.items() if name.endswith("_f1")}
        scores = "".join(f"  {name} {value:.1f}" for name, value in f1.items())
        logger.info(
            "epoch %d/%d  loss %.3f%s%s  %.0f sentences/s  %.1f s%s",
            report.epoch, self.epochs, report.loss, scores, f" ({self.protocol})" if scores else "",
            report.sentences_per_second, report.seconds, "  *" if report.improved and scores else "",
        )  # fmt: skip
