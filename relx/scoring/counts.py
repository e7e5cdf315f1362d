"""Counting: what was predicted, what is gold, what is both."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were predicted, how many are gold, how many predictions are correct. Adds with ``+``."""

    predicted: int = 0
    gold: int = 0
    correct: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.predicted + other.predicted, self.gold + other.gold, self.correct + other.correct)

    @property
    def precision(self) -> float:
        """Share of the predictions that are correct; 0.0 without any prediction."""
        return _ratio(self.correct, self.predicted)

    @property
    def recall(self) -> float:
        """Share of the gold ones that were predicted; 0.0 without any gold."""
        return _ratio(self.correct, self.gold)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0.0 without anything."""
        return _ratio(2 * self.correct, self.predicted + self.gold)

    def to_json(self) -> dict[str, int | float]:
        """Return the counts and ratios by name."""
        counts = {"predicted": self.predicted, "gold": self.gold, "correct": self.correct}
        return {**counts, "precision": self.precision, "recall": self.recall, "f1": self.f1}


Item = tuple[int, Any, str | None]
"""What is counted: the number of its sentence, its key there, and, if nothing may equal it, the side it is on."""


@dataclass(frozen=True)
class Matching:
    """Predicted, gold and correct items, each with how often it counts."""

    predicted: Counter[Item]
    gold: Counter[Item]
    correct: Counter[Item]

    @classmethod
    def of(cls, gold: Iterable[Item], predicted: Iterable[Item], multiset: bool = False) -> "Matching":
        """Match equal items; without ``multiset`` repetitions count once."""
        wanted, found = (Counter(items if multiset else dict.fromkeys(items, 1)) for items in (gold, predicted))
        return cls(found, wanted, found & wanted)

    def total(self) -> Counts:
        """Return the counts of all items."""
        return Counts(*(sum(items.values()) for items in (self.predicted, self.gold, self.correct)))

    def by(self, labels: Callable[[Item], Iterable[str]]) -> dict[str, Counts]:
        """Return the counts of each label; an item counts under every label that it has."""
        parts = [_add_up(items, labels) for items in (self.predicted, self.gold, self.correct)]
        return {label: Counts(*(part[label] for part in parts)) for label in sorted(set().union(*parts))}


def _add_up(items: Counter[Item], labels: Callable[[Item], Iterable[str]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for item, count in items.items():
        for label in labels(item):
            sums[label] += count
    return sums


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
