"""Fitting on validation data: what is counted, which curve and threshold is chosen, and what cross-fitting may see."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relx.calibration import fitting
from relx.calibration.calibration import Calibration
from relx.calibration.curves import Identity
from relx.calibration.fitting import FOLDS, NothingToFit, Sample, calibrate, fit, fitted
from relx.calibration.items import Items, entity_items, relation_items
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.heads.head import Thresholds, prediction
from relx.scoring import find_protocol, score

TOKENS = ["Ann", "in", "Rome", "for", "Acme"]
ANN, ROME, ACME = Entity(0, 1, "PER"), Entity(2, 3, "LOC"), Entity(4, 5, "ORG")
TRUE = [Relation(ANN, "born_in", ROME), Relation(ANN, "works_for", ACME)]
FALSE = [Relation(ROME, "born_in", ANN), Relation(ACME, "works_for", ANN)]


def sample(sentences: int = 60, seed: int = 1, sure: float = 0.5) -> Sample:
    """A head whose scores are too high: a relation of score s is right with the probability s * s."""
    rng = np.random.default_rng(seed)
    gold, candidates, predicted = [], [], []
    for _ in range(sentences):
        scores = rng.random(4)
        relations, right = [], []
        for true, false, s in zip(TRUE, FALSE, scores, strict=False):
            is_right = rng.random() < s * s
            right += [true] if is_right else []
            relations.append((true if is_right else false)._replace(score=float(s)))
        entities = [entity._replace(score=float(rng.uniform(0.3, 1))) for entity in (ANN, ROME, ACME)]
        gold.append(Example(TOKENS, [ANN, ROME, ACME], right))
        scored = {e.span: e for e in entities}
        linked = [r._replace(head=scored[r.head.span], tail=scored[r.tail.span]) for r in relations]
        candidates.append(prediction(Example(TOKENS), entities, linked))
        kept = [e for e in entities if (e.score or 0) >= sure]
        predicted.append(
            prediction(
                Example(TOKENS), kept,
                [r for r in linked if (r.score or 0) >= sure and r.head in kept and r.tail in kept],
            )
        )  # fmt: skip
    vocabulary = Vocabulary(gold)
    vocabulary.relations()
    vocabulary.close()
    own, at = Thresholds(sure, sure), Thresholds(0.05, 0.05)
    return Sample(gold, predicted, candidates, own, at, vocabulary, find_protocol("strict"))


def literal_error(scores: list[float], correct: list[bool]) -> float:
    """The definition: sum over the bins [0, .1), ... [.9, 1] of |B| / n |accuracy(B) - confidence(B)|."""
    total = 0.0
    for b in range(10):
        inside = [i for i, s in enumerate(scores) if b / 10 <= s < (b + 1) / 10 or (b == 9 and s == 1)]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            confidence = sum(scores[i] for i in inside) / len(inside)
            total += len(inside) / len(scores) * abs(accuracy - confidence)
    return total


def items_of(scores: list[float], correct: list[bool]) -> Items:
    numbers = np.arange(len(scores))
    return Items(numbers, np.full(len(scores), "a", object), np.array(scores), np.array(correct), Counter({"a": 5}))


@given(st.lists(st.tuples(st.integers(0, 64).map(lambda n: n / 64), st.booleans()), min_size=1, max_size=30))
def test_the_calibration_error_is_its_definition(scored: list[tuple[float, bool]]) -> None:
    scores, correct = [s for s, _ in scored], [c for _, c in scored]
    assert items_of(scores, correct).error == pytest.approx(literal_error(scores, correct))


def test_the_least_error_is_that_of_true_probabilities() -> None:
    scores = [0.25] * 100
    error = items_of(scores, [True] * 25 + [False] * 75).least_error
    deviation = np.abs(np.random.default_rng(5).binomial(100, 0.25, 20_000) / 100 - 0.25).mean()
    assert error == pytest.approx(deviation, rel=0.25)
    assert items_of([], []).least_error is None


@pytest.mark.parametrize("protocol", ["strict", "exact_span", "exact_text", "begin_offset", "last_word"])
def test_items_are_counted_as_the_scorer_counts(protocol: str) -> None:
    made = sample()
    twice = [replace(e, relations=[*e.relations, *e.relations[:1]]) for e in made.predicted]
    report = score(made.gold, twice, protocol)
    assert relation_items(made.gold, twice, find_protocol(protocol)).counts == report.triples
    assert entity_items(made.gold, twice).counts == report.entities
    by_type = {
        type: relation_items(made.gold, twice, find_protocol(protocol)).of_type(type).counts
        for type in report.per_relation
    }
    assert by_type == report.per_relation


def test_f1_never_falls_on_the_data_of_the_choice() -> None:
    for seed in range(8):
        made = sample(40, seed, sure=0.6)
        before = score(made.gold, made.predicted, "strict")
        after = score(made.gold, made.decided(fit(made)), "strict")
        assert after.triples.f1 >= before.triples.f1
        assert after.entities.f1 >= before.entities.f1


def test_scores_become_probabilities() -> None:
    made, fresh = sample(400), sample(400, seed=2)
    calibration = fit(made)
    before = relation_items(fresh.gold, fresh.predicted, fresh.rule).error
    after = relation_items(fresh.gold, fresh.decided(calibration), fresh.rule).error
    assert before is not None and after is not None
    assert after < before / 2


def test_a_precision_is_kept_and_the_loss_of_recall_is_said() -> None:
    made = sample(300)
    found = calibrate(made, precision=0.8)
    counts = relation_items(made.gold, made.decided(found.calibration), made.rule).counts
    assert counts.precision >= 0.8
    own = calibrate(made).calibration
    assert counts.recall < relation_items(made.gold, made.decided(own), made.rule).counts.recall
    assert "For a precision of 80 % the recall falls from" in str(found)


def test_a_precision_out_of_reach_is_an_error() -> None:
    made = sample(40)
    equal = [replace(e, relations=[r._replace(score=0.6) for r in e.relations]) for e in made.candidates]
    right = relation_items(made.gold, equal, made.rule).correct.mean()
    message = f"no threshold has a precision of 90 %: the best that any has here is {100 * right:.1f} %"
    with pytest.raises(ConfigError, match=message):
        calibrate(replace(made, candidates=equal), precision=0.9)


def test_without_a_relation_there_is_nothing_to_calibrate() -> None:
    made = sample(10)
    empty = [replace(example, relations=[]) for example in made.candidates]
    with pytest.raises(NothingToFit, match="finds no relation here"):
        calibrate(replace(made, candidates=empty, predicted=empty))
    wrong = replace(made, gold=[replace(example, relations=[]) for example in made.gold])
    with pytest.raises(NothingToFit, match=r"none of the 20 relations .* is correct \(0 gold relations\)"):
        calibrate(wrong)
    calibrate(replace(made, candidates=empty, predicted=empty, finds_relations=False))


def test_a_calibration_that_makes_scores_worse_says_so() -> None:
    found = calibrate(sample(60))
    assert "calibration error of relations grows" not in str(found)
    worse = replace(
        found, relations=replace(found.relations, before=found.relations.after, after=found.relations.before)
    )
    assert "calibration error of relations grows: these are too few relations" in str(worse)


def test_cross_fitting_shows_no_sentence_to_what_scores_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every curve and threshold that a held-out sentence meets was fitted on a sample without it."""
    made = sample(23)
    real_fit, real_decided = fitting.fit, Sample.decided
    fitted_on: dict[int, set[int]] = {}
    met: list[tuple[set[int], set[int]]] = []

    def watched_fit(part: Sample, precision: float | None = None) -> Calibration:
        found = real_fit(part, precision)
        fitted_on[id(found)] = {id(example) for example in part.gold}
        kept.append(found)
        return found

    def watched_decided(part: Sample, calibration: Calibration) -> list[Example]:
        if id(calibration) in fitted_on:
            met.append((fitted_on[id(calibration)], {id(example) for example in part.gold}))
        return real_decided(part, calibration)

    kept: list[Any] = []  # so that no id is used twice
    monkeypatch.setattr(fitting, "fit", watched_fit)
    monkeypatch.setattr(Sample, "decided", watched_decided)
    calibrate(made)
    folds = [scored for seen, scored in met if not seen & scored]
    assert len(folds) == FOLDS
    assert sorted(number for fold in folds for number in fold) == sorted(map(id, made.gold))
    everything = set(map(id, made.gold))
    assert [seen for seen, scored in met if seen & scored] == [everything]  # the F1 on all sentences, which says so


def test_scores_that_are_probabilities_stay_as_they_are() -> None:
    """A curve fitted to few predictions follows chance: it has to be better on predictions that it did not see."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        score = rng.random(40)
        items = items_of(score.tolist(), (rng.random(40) < score).tolist())
        assert fitted(items).keeps_scores
    assert not fitted(items_of([0.9] * 100, [True, False] * 50)).keeps_scores


def test_a_calibration_that_keeps_the_scores_says_so() -> None:
    found = calibrate(sample(60))
    kept = replace(found.calibration, relations=replace(found.calibration.relations, shared=Identity(), by_type={}))
    same = replace(
        found,
        calibration=kept,
        relations=replace(found.relations, before=found.relations.after, after=found.relations.before),
    )
    assert "no curve improves the scores of relations" in str(same)
    assert "calibration error of relations grows" not in str(same)


class TestTypes:
    def items(self, count: int) -> Items:
        """One type whose scores are right, and ``count`` predictions of one that is always wrong."""
        rng = np.random.default_rng(3)
        score = rng.random(200 + count)
        correct = np.append(rng.random(200) < score[:200], np.zeros(count, bool))
        kinds = np.array(["good"] * 200 + ["bad"] * count, object)
        return Items(rng.permutation(200 + count), kinds, score, correct, Counter({"good": 100, "bad": 1}))

    def test_one_with_enough_predictions_gets_a_curve_of_its_own(self) -> None:
        assert "bad" in fitted(self.items(60)).by_type

    def test_one_with_fewer_shares_the_curve(self) -> None:
        assert "bad" not in fitted(self.items(15)).by_type
