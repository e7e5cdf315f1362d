import pytest

from relx.scoring.counts import Counts, Matching


def test_ratios_by_hand():
    counts = Counts(predicted=5, gold=4, correct=3)
    assert (counts.precision, counts.recall) == (0.6, 0.75)
    assert counts.f1 == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))


@pytest.mark.parametrize("counts", [Counts(), Counts(predicted=3), Counts(gold=3), Counts(predicted=2, gold=3)])
def test_dividing_by_nothing_gives_zero(counts):
    assert counts.f1 == 0.0
    assert counts.precision == counts.recall == 0.0


def test_counts_add():
    assert Counts(1, 2, 0) + Counts(3, 4, 2) == Counts(4, 6, 2)
    assert sum([Counts(1, 1, 1)] * 3, Counts()) == Counts(3, 3, 3)


def test_json_has_counts_and_ratios():
    assert Counts(2, 1, 1).to_json() == {
        "predicted": 2, "gold": 1, "correct": 1, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3),
    }  # fmt: skip


def test_a_set_counts_repetitions_once_and_a_multiset_each_time():
    gold, predicted = [(0, "a", None), (0, "a", None), (0, "b", None)], [(0, "a", None)] * 3 + [(0, "c", None)]
    assert Matching.of(gold, predicted).total() == Counts(predicted=2, gold=2, correct=1)
    assert Matching.of(gold, predicted, multiset=True).total() == Counts(predicted=4, gold=3, correct=2)


def test_equal_keys_of_two_sentences_do_not_match():
    assert Matching.of([(0, "a", None)], [(1, "a", None)]).total() == Counts(1, 1, 0)


def test_parts_count_an_item_under_each_of_its_labels():
    matching = Matching.of([(0, "ab", None), (1, "b", None), (2, "", None)], [(0, "ab", None), (1, "c", None)])
    assert matching.by(lambda item: item[1]) == {"a": Counts(1, 1, 1), "b": Counts(1, 2, 1), "c": Counts(1, 0, 0)}
