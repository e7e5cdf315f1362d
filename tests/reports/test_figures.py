import pytest

from relx.calibration.reliability import Bin, calibration_error, reliability
from relx.data.example import Entity, Example, Relation
from relx.reports import page as figures
from relx.reports.page import Confusion, Point
from relx.scoring.counts import Counts
from relx.scoring.outcomes import BOUNDARY, CORRECT, MISSED, RELATION, SPURIOUS, Outcome, outcomes
from relx.scoring.report import score

A, B, C, LOST = Entity(0, 1, "Per"), Entity(2, 3, "Loc"), Entity(10, 11, "Loc"), Entity(None, None, "Loc", "Rome")
NEAR, FAR = Relation(A, "r", B, 0.95), Relation(A, "r", C, 0.5)
FOUND = [
    Outcome(CORRECT, 0, NEAR, NEAR),
    Outcome(RELATION, 0, FAR._replace(type="s"), FAR),
    Outcome(SPURIOUS, 1, None, NEAR._replace(score=0.5)),
    Outcome(MISSED, 1, Relation(A, "r", LOST), None),
]
GOLD = [Example(["w"] * 12), Example(["w"] * 30)]


def test_parts_by_length_and_distance_add_up_to_all_triples() -> None:
    assert figures.by_length(FOUND, GOLD) == {"11-20": Counts(2, 2, 1), "21-30": Counts(1, 1, 0)}
    assert figures.by_distance(FOUND) == {
        "0-2": Counts(2, 1, 1),
        "6-10": Counts(1, 1, 0),
        "mention not found": Counts(0, 1, 0),
    }


def test_nested_mentions_overlap_and_the_order_of_the_arguments_does_not_matter() -> None:
    inner = Relation(Entity(1, 2), "r", Entity(0, 3))
    assert list(figures.by_distance([Outcome(MISSED, 0, inner, None)])) == ["overlapping"]
    assert list(figures.by_distance([Outcome(MISSED, 0, Relation(C, "r", A), None)])) == ["6-10"]


def test_a_correct_triple_is_where_gold_is_even_if_texts_decide() -> None:
    far, near = Relation(A, "r", Entity(9, 10)), Relation(A, "r", Entity(1, 2))
    assert figures.by_distance([Outcome(CORRECT, 0, far, near)]) == {"6-10": Counts(1, 1, 1)}


def test_relation_types_are_compared_within_pairs() -> None:
    expected = Confusion(["r", "s", "none"], [[1, 0, 1], [1, 0, 0], [1, 0, 0]])
    assert figures.relation_confusion(FOUND) == expected


def test_entity_types_are_compared_by_tokens_and_agree_with_the_score() -> None:
    gold = [Example(list("abc"), [Entity(0, 1, "Per"), Entity(0, 1, "Org"), Entity(1, 2, "Loc"), Entity(1, 2, "Loc")])]
    ours = [Example(list("abc"), [Entity(0, 1, "Org"), Entity(0, 1, "Loc"), Entity(2, 3, "Org")])]
    table = figures.entity_confusion(gold, ours)
    assert table == Confusion(["Loc", "Org", "Per", "none"], [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    counts = score(gold, ours).per_entity_type
    for i, type in enumerate(table.types[:-1]):
        assert sum(table.cells[i]) == counts[type].gold
        assert sum(row[i] for row in table.cells) == counts[type].predicted


def test_rare_types_share_a_row() -> None:
    table = figures.confusion([(str(i), str(i)) for i in range(30) for _ in range(30 - i)])
    assert table.types == [*map(str, range(19)), "other types", "none"]
    assert table.cells[19][19] == sum(range(1, 12))
    assert table.cells[0][0] == 30


def test_precision_and_recall_by_score() -> None:
    points = figures.precision_recall(FOUND)
    assert points == [Point(0.95, 1.0, 1 / 3), Point(0.5, 1 / 3, 1 / 3)]
    assert points[0].f1 == pytest.approx(0.5)
    assert figures.at_tenths(points) == points
    assert figures.precision_recall([]) == []


def test_the_last_point_is_the_score_itself() -> None:
    gold = [Example(["a", "b", "c"], relations=[Relation(A, "r", B)])]
    ours = [Example(["a", "b", "c"], relations=[Relation(A, "r", B, 0.4), Relation(B, "r", A, 0.8)])]
    last, counts = figures.precision_recall(outcomes(gold, ours, "exact_span"))[-1], score(gold, ours).triples
    assert (last.precision, last.recall, last.f1) == (counts.precision, counts.recall, counts.f1)


def test_reliability_and_calibration_error() -> None:
    bins = reliability([(1.0, True), (0.95, False), (0.2, False)])
    assert bins == [Bin(1, 0.2, 0.0), Bin(2, 0.975, 0.5)]
    assert calibration_error(bins) == pytest.approx((0.2 + 2 * 0.475) / 3)
    assert calibration_error([]) == 0


def test_a_pair_of_wrong_boundaries_counts_on_both_sides() -> None:
    wide = Relation(Entity(0, 2, "Per"), "r", C)
    counts = figures.by_distance([Outcome(BOUNDARY, 0, Relation(A, "r", C), wide)])
    assert counts == {"6-10": Counts(1, 1, 0)}
