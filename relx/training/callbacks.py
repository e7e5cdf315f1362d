"""What watches a run: typed hooks, a progress bar for terminals, plain lines elsewhere, metrics as JSON lines."""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from relx.files import append_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to. ``loss`` is the mean over sentences; ``metrics`` are those of the validation set.

    ``improved`` tells whether the weights were kept, as those of the best epoch so far.
    """

    epoch: int
    loss: float
    metrics: dict[str, float]
    improved: bool
    sentences_per_second: float
    seconds: float


class Callback:
    """Hooks that the trainer calls; each does nothing unless overridden."""

    def on_epoch_start(self, epoch: int, steps: int) -> None:
        """Before the first step of an epoch, which is numbered from 1."""

    def on_step_end(self, loss: float) -> None:
        """After a step; ``loss`` is the mean of the epoch so far."""

    def on_epoch_end(self, report: EpochReport) -> None:
        """After the validation of an epoch."""

    def on_end(self) -> None:
        """After the last epoch, also when an error or an interrupt ended it early."""


class ProgressBar(Callback):
    """A bar for each epoch with the loss, and the best validation so far, on a terminal."""

    def __init__(self, epochs: int, metric: str, protocol: str) -> None:
        self.epochs = epochs
        self.metric = metric
        self.protocol = protocol
        self.best = ""
        self.bar: tqdm | None = None

    def on_epoch_start(self, epoch: int, steps: int) -> None:
        """Open the epoch's bar."""
        self.bar = tqdm(total=steps, desc=f"epoch {epoch}/{self.epochs}", leave=False, file=sys.stderr)

    def on_step_end(self, loss: float) -> None:
        """Move it on."""
        assert self.bar is not None
        self.bar.set_postfix_str(f"loss {loss:.3f}{self.best}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, report: EpochReport) -> None:
        """Close it, and remember the best metric."""
        self.on_end()
        if report.improved and self.metric in report.metrics:
            self.best = f", best {self.metric} {100 * report.metrics[self.metric]:.1f} ({self.protocol})"

    def on_end(self) -> None:
        """Close the bar if it is still open."""
        if self.bar is not None:
            self.bar.close()


class EpochLines(Callback):
    """One line of text for each epoch."""

    def __init__(self, epochs: int, protocol: str) -> None:
        self.epochs = epochs
        self.protocol = protocol

    def on_epoch_end(self, report: EpochReport) -> None:
        """Log the line."""
        f1 = {name: 100 * value for name, value in report.metrics.items() if name.endswith("_f1")}
        scores = "".join(f"  {name} {value:.1f}" for name, value in f1.items())
        logger.info(
            "epoch %d/%d  loss %.3f%s%s  %.0f sentences/s  %.1f s%s",
            report.epoch, self.epochs, report.loss, scores, f" ({self.protocol})" if scores else "",
            report.sentences_per_second, report.seconds, "  *" if report.improved and scores else "",
        )  # fmt: skip


class MetricsFile(Callback):
    """One JSON object for each epoch, appended to a file; the protocol is that of the triples' metrics."""

    def __init__(self, path: Path, protocol: str) -> None:
        self.path = path
        self.protocol = protocol

    def on_epoch_end(self, report: EpochReport) -> None:
        """Append it. Raises RelxError when the file cannot be written."""
        append_line(self.path, json.dumps({"protocol": self.protocol, **asdict(report)}))
