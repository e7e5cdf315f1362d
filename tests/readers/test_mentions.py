import pytest

from relx.data.example import Entity, Example, Relation
from relx.data.json_validation import BadRecord
from relx.readers.mentions import Annotations, locate, mention_text

TOKENS = ["Bogota", "and", "New", "York", "like", "New", "York", "in", "Peru"]


@pytest.mark.parametrize(
    ("mention", "places"),
    [
        ("Peru", [(8, 9)]),
        ("New York", [(2, 4), (5, 7)]),
        (" New  York ", [(2, 4), (5, 7)]),
        ("Bogotá", [(0, 1)]),
        ("PERÚ", [(8, 9)]),
        ("New", [(2, 3), (5, 6)]),
        ("York in Peru", [(6, 9)]),
        ("Yor", []),
        ("Lima", []),
        ("", []),
        (" ".join([*TOKENS, "x"]), []),
    ],
)
def test_places(mention, places):
    assert locate(TOKENS, mention) == places


def test_an_exact_match_comes_before_a_folded_one():
    assert locate(["us", "Peru", "US", "Perú"], "US") == [(2, 3)]
    assert locate(["us", "Peru", "US", "Perú"], "Perú") == [(3, 4)]
    assert locate(["peru", "Peru"], "Perú") == [(1, 2)]


def test_first_occurrence():
    annotations = Annotations(Example(TOKENS), "first")
    annotations.relate(annotations.named("Peru"), "has", annotations.named("New York"))
    assert annotations.finished().entities == [Entity(2, 4), Entity(8, 9)]
    assert annotations.finished().relations == [Relation(Entity(8, 9), "has", Entity(2, 4))]


def test_all_occurrences_and_each_pair_of_them():
    annotations = Annotations(Example(TOKENS), "all")
    annotations.relate(annotations.named("York"), "in", annotations.named("New"))
    heads, tails = [Entity(3, 4), Entity(6, 7)], [Entity(2, 3), Entity(5, 6)]
    example = annotations.finished()
    assert example.relations == [Relation(head, "in", tail) for head in heads for tail in tails]
    assert example.entities == sorted([*heads, *tails])


def test_an_entity_is_there_once_and_keeps_a_text_that_its_tokens_do_not_say():
    annotations = Annotations(Example(TOKENS), "first")
    for mention in ("Bogotá", "Bogotá", "Peru", "Lima", "Lima"):
        annotations.named(mention)
    expected = [Entity(0, 1, text="Bogotá"), Entity(8, 9), Entity(None, None, text="Lima")]
    assert annotations.finished().entities == expected


def test_one_place_may_hold_entities_of_two_types():
    annotations = Annotations(Example(TOKENS), "first")
    assert [annotations.at(0, 1, "LOC"), annotations.at(0, 1, "ORG")] == annotations.finished().entities


def test_a_mention_without_text_is_refused():
    assert mention_text("Peru", "em1") == "Peru"
    with pytest.raises(BadRecord, match='em1: expected the text of a mention, got " "'):
        mention_text(" ", "em1")
