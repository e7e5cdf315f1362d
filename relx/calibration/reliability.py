"""Whether scores mean what they say: bins of predictions, and the calibration error."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Predictions with similar scores: how many, their mean score, and the share of them that is correct."""

    count: int
    score: float
    correct: float


def reliability(pairs: Iterable[tuple[float, bool]]) -> list[Bin]:
    """Return the ten bins of equal width of scores from 0 to 1, without the empty ones."""
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for score, is_correct in pairs:
        bins[min(int(score * BINS), BINS - 1)].append((score, is_correct))
    return [
        Bin(len(inside), sum(score for score, _ in inside) / len(inside), sum(c for _, c in inside) / len(inside))
        for _, inside in sorted(bins.items())
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error (ECE): the mean distance of score and share of correct predictions."""
    return sum(b.count * abs(b.score - b.correct) for b in bins) / max(1, sum(b.count for b in bins))
