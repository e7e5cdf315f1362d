"""What an archive knows of its scores: the curves of each task, and the thresholds chosen on validation data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from relx.calibration.curves import Curve, Identity, curve_from_json
from relx.data.json_validation import BadRecord, only_keys, optional, required

Task = Literal["entities", "relations"]
TASKS: tuple[Task, ...] = ("entities", "relations")

# Below this probability nothing is decoded: every pair of tokens would be a candidate.
LEAST_PROBABILITY = 0.01


@dataclass(frozen=True)
class TaskCalibration:
    """Hold the curves of a task, ``shared`` by the types without a curve ``by_type``, and its threshold.

    The ``threshold`` is a calibrated score; None leaves the choice to the head.
    """

    shared: Curve = field(default_factory=Identity)
    by_type: Mapping[str, Curve] = field(default_factory=dict)
    threshold: float | None = None

    def curve(self, type: str | None) -> Curve:
        """Return the curve of a type."""
        return self.shared if type is None else self.by_type.get(type, self.shared)

    @property
    def keeps_scores(self) -> bool:
        """Whether the scores of the head stay as they are."""
        return all(isinstance(curve, Identity) for curve in (self.shared, *self.by_type.values()))

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        by_type = {name: curve.to_json() for name, curve in self.by_type.items()}
        return {"threshold": self.threshold, "curve": self.shared.to_json(), "by_type": by_type}

    @classmethod
    def from_json(cls, record: dict[str, Any], where: str) -> "TaskCalibration":
        """Read a task. Raises BadRecord."""
        only_keys(record, ("threshold", "curve", "by_type"), where)
        threshold = optional(record, "threshold", float, where)
        if threshold is not None and not 0 <= threshold <= 1:
            raise BadRecord(f"{where}.threshold: expected a number from 0 to 1")
        types = required(record, "by_type", dict, where)
        by_type = {
            name: curve_from_json(required(types, name, dict, f"{where}.by_type"), f"{where}.by_type") for name in types
        }
        shared = curve_from_json(required(record, "curve", dict, where), f"{where}.curve")
        return cls(shared, by_type, threshold)


@dataclass(frozen=True)
class Calibration:
    """Hold the calibration of both tasks; ``facts`` say on which data and with which scores, for people."""

    entities: TaskCalibration = field(default_factory=TaskCalibration)
    relations: TaskCalibration = field(default_factory=TaskCalibration)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the thresholds in one line."""
        chosen = {task: getattr(self, task).threshold for task in TASKS}
        shown = (f"{task} {'as the head decides' if t is None else f'{t:.2f}'}" for task, t in chosen.items())
        kept = [task for task in TASKS if getattr(self, task).keeps_scores]
        scores = f"no curve improves the scores of {' and '.join(kept)}" if kept else "scores are calibrated"
        return f"{', '.join(shown)}; {scores}"

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``calibration.json``."""
        return {**{task: getattr(self, task).to_json() for task in TASKS}, "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Calibration":
        """Read ``calibration.json``. Raises BadRecord for content of any other form."""
        only_keys(record, (*TASKS, "facts"), "")
        entities, relations = (TaskCalibration.from_json(required(record, task, dict), task) for task in TASKS)
        return cls(entities, relations, required(record, "facts", dict))
