import pytest

from relx.comparison.runs import Scores, compare
from relx.errors import DataError
from relx.scoring import Counts
from relx.scoring.sentences import SentenceCounts

GOLD = (2, 0, 1, 3)


def run(
    *correct: int, corpus: str = "c", gold: tuple[int, ...] = GOLD, protocols: str = "exact_span"
) -> SentenceCounts:
    """A run that predicts as many triples as there are."""
    counts = [Counts(g, g, c) for g, c in zip(gold, correct, strict=True)]
    return SentenceCounts(corpus, dict.fromkeys(protocols.split(), counts))


def test_means_deviations_and_best() -> None:
    found = compare({"a": [run(2, 0, 1, 3), run(1, 0, 1, 1)], "b": [run(0, 0, 0, 3)]}, None, 100, 1)
    assert (found.protocol, found.sentences, found.resamples) == ("exact_span", 4, 100)
    a, b = found.systems
    assert (a.name, a.runs, b.name, b.runs) == ("a", 2, "b", 1)
    assert a.f1 == Scores(0.75, pytest.approx(0.5 / 2**0.5), 1.0)
    assert b.f1 == Scores(0.5, None, 0.5)


def test_precision_and_recall() -> None:
    counts = SentenceCounts("c", {"exact_span": [Counts(4, 1, 1), Counts(0, 1, 0)]})
    [system] = compare({"a": [counts]}, None, 1, 1).systems
    assert (system.precision.mean, system.recall.mean, system.f1.mean) == (0.25, 0.5, pytest.approx(1 / 3))


def test_each_is_held_against_the_first() -> None:
    found = compare({"a": [run(1, 0, 1, 1)], "b": [run(2, 0, 1, 3)], "c": [run(1, 0, 1, 1)]}, None, 200, 1)
    a, b, c = (system.against for system in found.systems)
    assert a is None and b is not None and c is not None
    assert b.value == pytest.approx(0.5)
    assert (c.value, c.p) == (0, 1)


class TestProtocols:
    def test_by_default_the_first_that_all_have(self) -> None:
        runs = {"a": [run(1, 0, 0, 0, protocols="x y z")], "b": [run(1, 0, 0, 0, protocols="z y")]}
        assert compare(runs, None, 1, 1).protocol == "y"

    def test_another_may_be_asked_for(self) -> None:
        runs = {"a": [run(1, 0, 0, 0, protocols="x y z")], "b": [run(1, 0, 0, 0, protocols="z y")]}
        assert compare(runs, "z", 1, 1).protocol == "z"
        with pytest.raises(DataError, match="not all runs were scored under the protocol 'x'; they share: y, z"):
            compare(runs, "x", 1, 1)

    def test_there_has_to_be_one(self) -> None:
        with pytest.raises(DataError, match="the runs share no protocol"):
            compare({"a": [run(1, 0, 0, 0, protocols="x")], "b": [run(1, 0, 0, 0, protocols="y")]}, None, 1, 1)


class TestCorpora:
    def test_other_sentences_are_refused(self) -> None:
        with pytest.raises(DataError, match="b and a were not tested on the same sentences"):
            compare({"a": [run(1, 0, 0, 0)], "b": [run(1, 0, 0, 0, corpus="d")]}, None, 1, 1)

    def test_also_among_the_runs_of_a_system(self) -> None:
        with pytest.raises(DataError, match="a and a were not tested on the same sentences"):
            compare({"a": [run(1, 0, 0, 0), run(1, 0, corpus="d", gold=(1, 2))]}, None, 1, 1)

    def test_other_gold_triples_are_refused(self) -> None:
        with pytest.raises(DataError, match="b and a were not tested against the same gold triples"):
            compare({"a": [run(1, 0, 0, 0)], "b": [run(1, 0, 0, 0, gold=(2, 1, 0, 3))]}, None, 1, 1)
