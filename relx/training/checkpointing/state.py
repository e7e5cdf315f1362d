"""The progress of a run."""

from dataclasses import asdict, dataclass
from typing import Any

from relx.errors import TrainingError

Metrics = dict[str, float]


@dataclass(frozen=True)
class Best:
    """The report whose weights are kept: its number, its place in the run, and its metrics."""

    report: int
    epoch: int
    step: int
    metrics: Metrics


@dataclass
class TrainingState:
    """The progress of a run.

    ``step`` counts the steps of the optimizer, ``epoch`` the whole epochs, ``position`` the steps of the epoch after
    them. ``loss`` is summed over ``sentences`` since the last of the ``reports``, which was made at the step
    ``reported``. ``interrupted`` and ``failure`` say what ended the run early.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    loss: float = 0.0
    sentences: int = 0
    reports: int = 0
    reported: int = 0
    best: Best | None = None
    seconds: float = 0.0
    interrupted: bool = False
    failure: TrainingError | None = None

    def advance(self, loss: float, sentences: int, steps: int) -> None:
        """Count a step of an epoch of so many steps."""
        self.step += 1
        self.position += 1
        self.loss += loss * sentences
        self.sentences += sentences
        if self.position == steps:
            self.epoch, self.position = self.epoch + 1, 0

    def note_report(self, metrics: Metrics, improved: bool) -> None:
        """Note a report after the last step, and reset the mean loss."""
        self.reports += 1
        self.reported = self.step
        self.loss, self.sentences = 0.0, 0
        if improved:
            self.best = Best(self.reports, self.present_epoch, self.step, metrics)

    @property
    def present_epoch(self) -> int:
        """The number of the epoch to which the last step belongs, from 1."""
        return self.epoch + (self.position > 0)

    @property
    def mean_loss(self) -> float:
        """The mean over the sentences since the last report."""
        return self.loss / self.sentences if self.sentences else 0.0

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the best report so far."""
        return self.best.epoch if self.best is not None else None

    @property
    def best_metrics(self) -> Metrics:
        """The metrics of the best report so far."""
        return self.best.metrics if self.best is not None else {}

    def to_json(self) -> dict[str, Any]:
        """Return what a resumed run needs; not what ended the run before it."""
        kept = asdict(self)
        del kept["interrupted"], kept["failure"]
        return kept

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingState":
        """Return the state that ``to_json`` described."""
        best = content["best"]
        return cls(**{**content, "best": Best(**best) if best is not None else None})
