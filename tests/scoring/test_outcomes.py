from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.scoring import PROTOCOLS, score
from relx.scoring.outcomes import BOUNDARY, CORRECT, DIRECTION, KINDS, MISSED, RELATION, SPURIOUS, TYPE, outcomes

TOKENS = ["Ann", "Lee", "and", "Bob", "Lee", "live", "in", "New", "York"]
ANN, BOB, YORK = Entity(0, 2, "Per"), Entity(3, 5, "Per"), Entity(7, 9, "Loc")
GOLD = Relation(ANN, "lives_in", YORK)


def kinds(gold: list[Relation], predicted: list[Relation], protocol: str = "strict") -> list[str]:
    pair = ([Example(TOKENS, relations=relations)] for relations in (gold, predicted))
    return [outcome.kind for outcome in outcomes(*pair, protocol)]


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        (GOLD._replace(score=0.3), [CORRECT]),
        (Relation(ANN._replace(type="Org"), "lives_in", YORK), [TYPE]),
        (Relation(YORK, "lives_in", ANN), [DIRECTION]),
        (Relation(YORK._replace(type="Org"), "lives_in", ANN), [DIRECTION]),
        (Relation(ANN, "works_in", YORK), [RELATION]),
        (Relation(YORK, "contains", ANN), [RELATION]),
        (Relation(Entity(0, 1, "Per"), "lives_in", YORK), [BOUNDARY]),
        (Relation(Entity(0, 1, "Org"), "lives_in", Entity(8, 9, "Loc")), [BOUNDARY]),
        (Relation(BOB, "lives_in", YORK), [SPURIOUS, MISSED]),
        (Relation(Entity(0, 1, "Per"), "works_in", YORK), [SPURIOUS, MISSED]),
    ],
)
def test_each_kind(predicted: Relation, kind: list[str]) -> None:
    assert kinds([GOLD], [predicted]) == kind


def test_a_gold_triple_belongs_to_one_prediction_and_the_first_kind_takes_it() -> None:
    boundary, relation = Relation(Entity(0, 1, "Per"), "lives_in", YORK, 0.9), Relation(ANN, "works_in", YORK, 0.1)
    assert kinds([GOLD], [boundary, relation]) == [RELATION, SPURIOUS]
    assert kinds([GOLD], [boundary, relation, GOLD]) == [CORRECT, SPURIOUS, SPURIOUS]


def test_the_prediction_with_the_best_score_is_paired() -> None:
    weak, strong = (Relation(ANN, type, YORK, s) for type, s in (("a", 0.2), ("b", 0.8)))
    first, second = outcomes([Example(TOKENS, relations=[GOLD])], [Example(TOKENS, relations=[weak, strong])], "strict")
    assert (first.predicted, second.predicted) == (strong, weak)


def test_the_boundary_that_shares_the_most_is_paired() -> None:
    near, far = Relation(Entity(0, 5, "Per"), "lives_in", YORK), Relation(ANN, "lives_in", YORK)
    found = outcomes(
        [Example(TOKENS, relations=[far, near])],
        [Example(TOKENS, relations=[Relation(Entity(0, 4, "Per"), "lives_in", YORK)])],
        "strict",
    )
    assert [(o.kind, o.gold) for o in found] == [(BOUNDARY, near), (MISSED, far)]


def test_the_protocol_decides_what_is_equal() -> None:
    other = Relation(BOB, "lives_in", YORK)
    assert kinds([GOLD], [other], "last_word") == [CORRECT]
    assert kinds([GOLD], [other._replace(type="x")], "last_word") == [RELATION]
    turned = Relation(YORK, "lives_in", ANN)
    assert kinds([GOLD], [turned], "symmetric_canonical:lives_in") == [CORRECT]
    short = Relation(YORK, "lives_in", Entity(0, 1, "Per"))
    assert kinds([GOLD], [short], "symmetric_canonical:lives_in") == [BOUNDARY]
    assert kinds([GOLD], [Relation(YORK, "hosts", ANN)], "exact_span+inverse:lives_in=hosts") == [CORRECT]


def test_a_mention_without_a_place_is_missed_under_protocols_of_positions() -> None:
    lost = Relation(ANN, "lives_in", Entity(None, None, "Loc", "Rome"))
    assert kinds([lost], [lost], "exact_span") == [SPURIOUS, MISSED]
    assert kinds([lost], [lost], "exact_text") == [CORRECT]
    assert kinds([lost], [GOLD], "exact_text") == [SPURIOUS, MISSED]


def test_gold_without_types_and_other_sentences_are_refused() -> None:
    untyped = Example(TOKENS, relations=[Relation(Entity(0, 1), "r", YORK)])
    with pytest.raises(DataError, match="has no type to compare"):
        outcomes([untyped], [untyped], "strict")
    with pytest.raises(DataError, match="sentence 1"):
        outcomes([untyped], [Example(["x"])], "exact_span")


def entities() -> st.SearchStrategy[Entity]:
    types = st.sampled_from(["A", "B"])
    located = st.builds(lambda i, n, type: Entity(i, i + n, type), st.integers(0, 2), st.integers(1, 2), types)
    return located | st.builds(lambda text, type: Entity(None, None, type, text), st.sampled_from("pq"), types)


def examples() -> st.SearchStrategy[Example]:
    scores = st.none() | st.floats(0, 1, allow_subnormal=False)
    relations = st.builds(Relation, entities(), st.sampled_from(["r", "s"]), entities(), scores)
    return st.builds(lambda found: Example(list("wxyz"), relations=found), st.lists(relations, max_size=5))


RULES = [*PROTOCOLS, "symmetric_canonical:r", "exact_span+inverse:r=s", "begin_offset+inverse:r=s"]


@settings(max_examples=150)
@given(st.sampled_from(RULES), st.lists(st.tuples(examples(), examples()), max_size=3))
def test_the_numbers_are_those_of_the_score(protocol: str, pairs: list[tuple[Example, Example]]) -> None:
    gold, predicted = ([pair[side] for pair in pairs] for side in (0, 1))
    found, counts = outcomes(gold, predicted, protocol), score(gold, predicted, protocol).triples
    assert sum(o.kind == CORRECT for o in found) == counts.correct
    assert sum(o.gold is not None for o in found) == counts.gold
    assert sum(o.predicted is not None for o in found) == counts.predicted
    for o in found:
        assert o.kind == CORRECT or o.kind in KINDS
        assert (o.predicted is None, o.gold is None) == (o.kind == MISSED, o.kind == SPURIOUS)
    for number, (theirs, ours) in enumerate(pairs):
        used = [o for o in found if o.sentence == number]
        assert Counter(o.gold for o in used if o.gold) <= Counter(theirs.relations)
        assert Counter(o.predicted for o in used if o.predicted) <= Counter(ours.relations)
