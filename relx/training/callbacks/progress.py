"""What is seen of a run while it goes on: a bar on a terminal, one line for each epoch."""

import logging
import sys
from typing import Any

from tqdm import tqdm

from relx.registry import Injected
from relx.training.callbacks.callback import Callback, Report, StepReport

logger = logging.getLogger(__name__)


class ProgressBar(Callback):
    """A bar for each epoch with the loss, and the best validation so far, on a terminal."""

    def __init__(self, epochs: Injected[int], metric: Injected[str], protocol: Injected[str]) -> None:
        self.epochs = epochs
        self.metric = metric
        self.protocol = protocol
        self.best = ""
        self.bar: tqdm | None = None

    def on_epoch_start(self, epoch: int, steps: int, done: int) -> None:
        """Open the epoch's bar."""
        self.on_end()
        self.bar = tqdm(total=steps, initial=done, desc=f"epoch {epoch}/{self.epochs}", leave=False, file=sys.stderr)

    def on_step_end(self, report: StepReport) -> None:
        """Move it on."""
        assert self.bar is not None
        self.bar.set_postfix_str(f"loss {report.mean_loss:.3f}{self.best}", refresh=False)
        self.bar.update()

    def on_report(self, report: Report) -> None:
        """Take it from the terminal until the next step, and remember the best metric."""
        if self.bar is not None:
            self.bar.clear()
        if report.improved and self.metric in report.metrics:
            self.best = f", best {self.metric} {100 * report.metrics[self.metric]:.1f} ({self.protocol})"

    def on_end(self) -> None:
        """Close the bar if it is still open."""
        if self.bar is not None:
            self.bar.close()

    def state_dict(self) -> dict[str, Any]:
        """The best metric, as it is shown."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Show it again."""
        self.best = state["best"]


class EpochLines(Callback):
    """One line of text for each epoch."""

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
