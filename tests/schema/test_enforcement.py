from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.example import Entity, Example, Relation
from relx.schema import Argument, Enforcement, Fact, RelationRules, Schema, enforce

ANN, BO, OSLO, ROME = Argument("PER", "Ann"), Argument("PER", "Bo"), Argument("LOC", "Oslo"), Argument("LOC", "Rome")

switches = st.sampled_from([None, False, True])
types = st.sampled_from(["A", "B"])
rules = st.builds(
    RelationRules,
    types=st.none() | st.frozensets(st.tuples(types, types), max_size=3),
    symmetric=switches,
    functional=switches,
    self=switches,
)
schemas = st.builds(Schema, st.dictionaries(st.sampled_from(["r", "s"]), rules))
arguments = st.builds(Argument, st.none() | types, st.sampled_from(["x", "X", "y", "z"]))
scores = st.none() | st.sampled_from([0.2, 0.5, 0.9])
facts = st.lists(st.builds(Fact, arguments, st.sampled_from(["r", "s"]), arguments, scores), max_size=8)


def follow(schema: Schema, facts: list[Fact]) -> bool:
    """Whether facts follow a schema, as the documentation says it, rule by rule."""
    for fact in facts:
        rules = schema.relations.get(fact.type, RelationRules())
        itself = fact.head.entity == fact.tail.entity
        fits = rules.types is None or any(
            fact.head.type in (None, head) and fact.tail.type in (None, tail) for head, tail in rules.types
        )
        if not fits or (rules.self is False and itself):
            return False
    for one, other in combinations(facts, 2):
        rules = schema.relations.get(one.type, RelationRules())
        if one.type != other.type:
            continue
        turned = one.head.entity == other.tail.entity and one.tail.entity == other.head.entity
        if rules.symmetric is False and turned and one.head.entity != one.tail.entity:
            return False
        if rules.functional and one.head.entity == other.head.entity and one.tail.entity != other.tail.entity:
            return False
    return True


@settings(max_examples=200)
@given(schemas, facts)
def test_what_is_kept_follows_the_schema_and_nothing_could_be_added(schema: Schema, facts: list[Fact]) -> None:
    dropped = {one.place: one for one in enforce(schema, facts)}
    kept = [fact for place, fact in enumerate(facts) if place not in dropped]
    assert follow(schema, kept)
    for place, one in dropped.items():
        assert not follow(schema, [*kept, facts[place]])
        reason = [facts[place]] if one.kept is None else [facts[one.kept], facts[place]]
        assert not follow(schema, reason) and one.kept not in dropped
        if one.kept is not None:
            assert (facts[one.kept].score or 0) >= (facts[place].score or 0)
            only = Schema({facts[place].type: RelationRules(**{one.rule: one.rule == "functional"})})
            assert not follow(only, reason)


def test_the_better_score_wins_and_of_equals_the_first() -> None:
    schema = Schema({"born_in": RelationRules(functional=True)})
    facts = [Fact(ANN, "born_in", OSLO, 0.5), Fact(ANN, "born_in", ROME, 0.9), Fact(BO, "born_in", OSLO, 0.1)]
    [dropped] = enforce(schema, facts)
    assert dropped == (0, "functional", 1)
    assert dropped.reason(facts) == "Ann --born_in-> Oslo (0.50) breaks functional: Ann --born_in-> Rome (0.90) is kept"
    assert enforce(schema, [fact._replace(score=None) for fact in facts]) == [(1, "functional", 0)]


@pytest.mark.parametrize(
    "rules, fact, rule, reason",
    [
        (RelationRules(types=frozenset({("PER", "LOC")})), Fact(ANN, "r", BO), "types", "PER to PER"),
        (RelationRules(types=frozenset()), Fact(Argument(None, "Ann"), "r", BO), "types", "? to PER"),
        (RelationRules(self=False), Fact(ANN, "r", Argument("PER", " ANN ")), "self", "an entity to itself"),
    ],
)
def test_a_relation_can_break_a_rule_by_itself(rules: RelationRules, fact: Fact, rule: str, reason: str) -> None:
    [dropped] = enforce(Schema({"r": rules}), [fact])
    assert dropped.rule == rule
    assert dropped.reason([fact]) == f"{fact} breaks {rule}: {reason}"


def test_a_relation_of_an_entity_to_itself_is_no_pair_of_directions() -> None:
    twice = [Fact(ANN, "r", ANN), Fact(ANN, "r", ANN)]
    assert enforce(Schema({"r": RelationRules(symmetric=False)}), twice) == []
    assert enforce(Schema({"r": RelationRules(symmetric=False)}), [Fact(ANN, "r", BO), Fact(BO, "r", ANN)]) == [
        (1, "symmetric", 0)
    ]


def test_a_relation_that_the_schema_does_not_name_is_not_restricted() -> None:
    assert enforce(Schema({"r": RelationRules(self=False)}), [Fact(ANN, "other", ANN)]) == []


def sentence(tokens: str, *relations: tuple[int, str, int, float]) -> Example:
    words = tokens.split()
    entities = [Entity(i, i + 1, "PER" if word in ("Ann", "Bo") else "LOC") for i, word in enumerate(words)]
    return Example(words, entities, [Relation(entities[a], r, entities[b], s) for a, r, b, s in relations])


def test_sentences_are_judged_one_by_one_and_documents_as_a_whole() -> None:
    schema = Schema({"born_in": RelationRules(functional=True)})
    one, two = sentence("Ann Oslo", (0, "born_in", 1, 0.5)), sentence("Ann Rome Bo", (0, "born_in", 1, 0.9))
    lines: list[str] = []
    enforcement = Enforcement(schema, lines.append)
    assert [enforcement.sentence(example) for example in (one, two)] == [one, two]
    assert enforcement.summary() == "the schema dropped 0 of 2 relations"

    document = Document.of_sentences([one, two])
    crossing = DocumentRelation(DocumentMention(1, two.entities[2]), "born_in", DocumentMention(0, one.entities[1]))
    document.crossing = [crossing, crossing._replace(head=DocumentMention(1, two.entities[0]))]
    kept = enforcement.document(document, "a.txt")
    assert [example.relations for example in kept.sentences] == [[], two.relations]
    assert kept.crossing == [crossing] and one.relations
    assert lines == [
        "a.txt: dropped Ann --born_in-> Oslo (0.50) breaks functional: Ann --born_in-> Rome (0.90) is kept",
        "a.txt: dropped Ann --born_in-> Oslo breaks functional: Ann --born_in-> Rome (0.90) is kept",
    ]
    assert enforcement.summary() == "the schema dropped 2 of 6 relations: 2 by functional"


def test_enforcement_does_not_change_what_it_is_given() -> None:
    example = sentence("Ann Ann", (0, "r", 1, 0.5))
    found = Enforcement(Schema({"r": RelationRules(self=False)})).sentence(example)
    assert not found.relations and found.entities == example.entities and len(example.relations) == 1
