"""Curves rise strictly, stay between 0 and 1, and are what their definitions say."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relx.calibration.curves import OWN_SHARE, Curve, Identity, Isotonic, Logistic, curve_from_json, least_score
from relx.data.json_validation import BadRecord

SHARE = st.floats(0, 1, allow_subnormal=False)
SCORED = st.lists(st.tuples(SHARE, st.booleans()), max_size=40)
FITS = (Isotonic.fit, Logistic.fit)


@pytest.mark.parametrize("fit", FITS)
@given(SCORED, st.lists(SHARE, min_size=2, max_size=10))
def test_a_curve_rises_strictly_between_0_and_1(fit: Any, scored: list[tuple[float, bool]], asked: list[float]) -> None:
    curve = fit([score for score, _ in scored], [correct for _, correct in scored])
    asked = sorted({round(score, 6) for score in asked})
    found = curve(asked)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("fit", FITS)
@given(scored=SCORED)
def test_json_gives_the_same_curve(fit: Any, scored: list[tuple[float, bool]]) -> None:
    curve: Curve = fit([score for score, _ in scored], [correct for _, correct in scored])
    assert curve_from_json(curve.to_json(), "curve") == curve


@given(SCORED)
def test_pooled_blocks_are_the_greatest_of_the_least_means(scored: list[tuple[float, bool]]) -> None:
    """The literal formula of isotonic regression: max over i <= k of min over j >= k of the mean of y_i .. y_j."""
    points = [(0.0, 1.0), *((score, float(correct)) for score, correct in scored), (1.0, 0.0)]
    by_score: dict[float, list[float]] = {}
    for score, y in sorted(points):
        by_score.setdefault(score, []).append(y)
    groups = list(by_score.values())
    curve = Isotonic.fit([score for score, _ in scored], [correct for _, correct in scored])
    for k, score in enumerate(by_score):
        expected = max(min(np.mean(sum(groups[i : j + 1], [])) for j in range(k, len(groups))) for i in range(k + 1))
        assert curve([score])[0] == pytest.approx((1 - OWN_SHARE) * expected + OWN_SHARE * score)


def test_the_logistic_curve_has_the_greatest_likelihood() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(200)
    correct = rng.random(200) < 1 / (1 + np.exp(-(0.5 * np.log(score / (1 - score)) - 1)))
    curve = Logistic.fit(score, correct)
    right, wrong = correct.sum(), (~correct).sum()
    target = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(slope: float, intercept: float) -> float:
        p = 1 / (1 + np.exp(-(slope * np.log(score / (1 - score)) + intercept)))
        return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).sum())

    best = loss(curve.slope, curve.intercept)
    assert all(
        best <= loss(curve.slope + a, curve.intercept + b) + 1e-3 for a in (-0.1, 0, 0.1) for b in (-0.1, 0, 0.1)
    )


def test_scores_that_mislead_give_the_share_of_correct_ones() -> None:
    curve = Logistic.fit([0.9] * 20 + [0.1] * 20, [False] * 20 + [True] * 20)
    assert curve.slope == 0
    assert curve([0.5])[0] == pytest.approx(0.5, abs=0.01)


@given(SCORED, SHARE)
def test_no_score_below_the_least_one_has_the_probability(scored: list[tuple[float, bool]], bound: float) -> None:
    curve = Isotonic.fit([score for score, _ in scored], [correct for _, correct in scored])
    least = least_score(curve, bound)
    assert least == 0 or curve([least])[0] < bound
    if curve([1.0])[0] >= bound:
        assert curve([least + 2e-9])[0] >= bound - 1e-6


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"type": "spline"},
        {"type": "identity", "slope": 1.0},
        {"type": "logistic", "slope": -1.0, "intercept": 0.0},
        {"type": "logistic", "slope": math.inf, "intercept": 0.0},
        {"type": "logistic", "slope": 1.0, "intercept": math.nan},
        {"type": "logistic", "slope": "1", "intercept": 0.0},
        {"type": "isotonic", "scores": [], "probabilities": []},
        {"type": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.5]},
        {"type": "isotonic", "scores": [0.2, 0.1], "probabilities": [0.5, 0.6]},
        {"type": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.6, 0.5]},
        {"type": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.6, 1.5]},
        {"type": "isotonic", "scores": [0.1, math.nan], "probabilities": [0.6, 0.7]},
        {"type": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.6, None]},
    ],
)
def test_anything_else_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        curve_from_json(record, "curve")


def test_the_identity_changes_nothing() -> None:
    assert Identity()([0.3, 0.7]).tolist() == [0.3, 0.7]
