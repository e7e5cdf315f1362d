"""Curves from the score of a head to the probability that the prediction is correct. They rise strictly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from relx.data.json_validation import BadRecord, items, only_keys, required

Values = np.ndarray | Sequence[float]

# The share of the score itself in every curve: where a fitted curve is level, the better score stays ahead.
OWN_SHARE = 1e-3
# Scores of exactly 0 or 1 have no logit.
LEAST_LOGIT_SCORE = 1e-6
STEPS = 50


class Curve(Protocol):
    """Map scores, from 0 to 1, to probabilities."""

    def __call__(self, scores: Values) -> np.ndarray:
        """Return the probability of each score."""

    def to_json(self) -> dict[str, Any]:
        """Return what ``curve_from_json`` reads."""


@dataclass(frozen=True)
class Identity:
    """Return each score as it is."""

    def __call__(self, scores: Values) -> np.ndarray:
        """Return the scores."""
        return np.asarray(scores, dtype=float)

    def to_json(self) -> dict[str, Any]:
        """Return the name of the curve."""
        return {"type": "identity"}


@dataclass(frozen=True)
class Logistic:
    """Compute sigmoid(slope logit(score) + intercept) (Platt 1999)."""

    slope: float
    intercept: float

    @classmethod
    def fit(cls, scores: Values, correct: Values) -> "Logistic":
        """Fit by maximum likelihood, with Platt's targets for the right and the wrong ones."""
        x, hits = _logit(scores), np.asarray(correct, dtype=float)
        right, wrong = hits.sum(), len(hits) - hits.sum()
        y = np.where(hits > 0, (right + 1) / (right + 2), 1 / (wrong + 2))
        design = np.stack((x, np.ones_like(x)), axis=1)
        weights = np.array([0.0, math.log((right + 1) / (wrong + 1))])
        for _ in range(STEPS):  # Newton's method; the small ridge is for scores that are all equal
            p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
            hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
            step = np.linalg.solve(hessian, design.T @ (y - p) - 1e-3 * weights)
            weights = weights + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-9:
                break
        if weights[0] < 0:  # better scores were wrong more often: the curve says no more than the share of right ones
            return cls(0.0, math.log((right + 1) / (wrong + 1)))
        return cls(float(weights[0]), float(weights[1]))

    def __call__(self, scores: Values) -> np.ndarray:
        """Return the probability of each score."""
        logits = np.clip(self.slope * _logit(scores) + self.intercept, -30, 30)
        return _with_own_share(1 / (1 + np.exp(-logits)), scores)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of the curve."""
        return {"type": "logistic", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Isotonic:
    """Interpolate between points: the best rising step function (pool adjacent violators), joined by lines."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    @classmethod
    def fit(cls, scores: Values, correct: Values) -> "Isotonic":
        """Fit by least squares.

        A correct prediction of score 0 and a wrong one of score 1 are added: no probability is then exactly 0 or 1.
        """
        x = np.concatenate(([0.0], np.asarray(scores, dtype=float), [1.0]))
        y = np.concatenate(([1.0], np.asarray(correct, dtype=float), [0.0]))
        x, index, count = np.unique(x, return_inverse=True, return_counts=True)
        blocks: list[list[float]] = []  # sum, size, first score, last score
        for score, total, size in zip(x.tolist(), np.bincount(index, y).tolist(), count.tolist(), strict=True):
            blocks.append([total, size, score, score])
            while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
                total, size, _, last = blocks.pop()
                blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + size, blocks[-1][2], last]
        points = {edge: total / size for total, size, *edges in blocks for edge in edges}
        return cls(tuple(points), tuple(points.values()))

    def __call__(self, scores: Values) -> np.ndarray:
        """Return the probability of each score."""
        return _with_own_share(np.interp(scores, self.scores, self.probabilities), scores)

    def to_json(self) -> dict[str, Any]:
        """Return the points of the curve."""
        return {"type": "isotonic", "scores": list(self.scores), "probabilities": list(self.probabilities)}


def curve_from_json(record: dict[str, Any], where: str) -> Curve:
    """Return the curve that ``to_json`` wrote. Raises BadRecord for anything that is no rising curve from 0 to 1."""
    kind = required(record, "type", str, where)
    if kind == "identity":
        only_keys(record, ("type",), where)
        return Identity()
    if kind == "logistic":
        only_keys(record, ("type", "slope", "intercept"), where)
        slope, intercept = (required(record, name, float, where) for name in ("slope", "intercept"))
        if not (math.isfinite(slope) and math.isfinite(intercept) and slope >= 0):
            raise BadRecord(f"{where}: expected finite numbers and a slope of at least 0")
        return Logistic(slope, intercept)
    if kind == "isotonic":
        only_keys(record, ("type", "scores", "probabilities"), where)
        scores, probabilities = (items(record, name, float, where) for name in ("scores", "probabilities"))
        _require_rising(scores, probabilities, where)
        return Isotonic(tuple(scores), tuple(probabilities))
    raise BadRecord(f"{where}.type: expected identity, logistic or isotonic")


def least_score(curve: Curve, probability: float) -> float:
    """Return a score below which the curve has less than a probability, to 1e-9."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if curve([middle])[0] < probability else (low, middle)
    return low


def _require_rising(scores: Sequence[float], probabilities: Sequence[float], where: str) -> None:
    x, y = np.array(scores), np.array(probabilities)
    shares = all(((part >= 0) & (part <= 1)).all() for part in (x, y))  # False for NaN too
    if len(x) != len(y) or not len(x) or not shares or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any():
        raise BadRecord(f"{where}: expected as many rising scores as probabilities, all from 0 to 1")


def _with_own_share(probabilities: np.ndarray, scores: Values) -> np.ndarray:
    return (1 - OWN_SHARE) * probabilities + OWN_SHARE * np.asarray(scores, dtype=float)


def _logit(scores: Values) -> np.ndarray:
    p = np.clip(np.asarray(scores, dtype=float), LEAST_LOGIT_SCORE, 1 - LEAST_LOGIT_SCORE)
    return np.log(p / (1 - p))
