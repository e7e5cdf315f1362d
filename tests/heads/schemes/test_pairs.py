import random

import pytest
from sentences import clashing_sentence, sentence, spans

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.heads.head import NOT_LOCATED, SHARED, UNKNOWN, UNTAGGED
from relx.heads.rin import RIN
from relx.heads.schemes.pairs import SELF
from relx.training.checks.oracle import oracle_decode

TRAINING = [
    sentence(9, ((0, 2), "a", (4, 6)), ((4, 6), "b", (0, 2)), ((0, 2), "b", (8, 9))),
    sentence(3, ((0, 1), "c", (0, 1))),
]


def head_of(examples=TRAINING, **arguments):
    return RIN(4, Vocabulary(examples), rounds=0, **arguments)


def lost(head, example):
    return [(spans(Example([], [], [relation]))[0], cause) for relation, cause in head.targets(example).lost]


@pytest.mark.parametrize("anchor", ["first", "last"])
def test_gold_that_the_scheme_holds_comes_back(anchor):
    head = head_of(anchor=anchor)
    for example, decoded in zip(TRAINING, oracle_decode(head, TRAINING), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))
        assert [entity.span for entity in decoded.entities] == sorted(entity.span for entity in example.entities)
        assert {relation.score for relation in decoded.relations} == {1.0}
        assert lost(head, example) == []


@pytest.mark.parametrize("allow_self", [True, False])
@pytest.mark.parametrize("anchor", ["first", "last"])
def test_what_does_not_come_back_has_a_cause(anchor, allow_self):
    draw = random.Random(3)
    examples = [clashing_sentence(draw, ["a", "b", "c", "unseen"]) for _ in range(300)]
    head, causes = head_of(anchor=anchor, allow_self=allow_self), set()
    for example, decoded in zip(examples, oracle_decode(head, examples), strict=True):
        missing = [relation for relation, _ in head.targets(example).lost]
        held = [relation for relation in example.relations if relation not in missing]
        kept = Example([], [], held)
        assert set(spans(kept)) <= set(spans(decoded))
        for relation in missing:
            assert not relation.located or relation.head.span + relation.tail.span not in {
                r.head.span + r.tail.span for r in decoded.relations if r.type == relation.type
            }
        causes.update(cause for _, cause in head.targets(example).lost)
    assert causes == {NOT_LOCATED, UNKNOWN, SHARED, UNTAGGED} | (set() if allow_self else {SELF})


@pytest.mark.parametrize(
    ("anchor", "mention", "cause"),
    [
        ("last", (0, 3), None),
        ("last", (1, 2), None),
        ("last", (2, 3), SHARED),
        ("last", (1, 3), SHARED),
        ("last", (0, 2), UNTAGGED),
        ("first", (1, 2), None),
        ("first", (2, 3), None),
        ("first", (0, 2), SHARED),
        ("first", (1, 3), UNTAGGED),
        ("last", None, NOT_LOCATED),
    ],
)
def test_each_cause(anchor, mention, cause):
    example = sentence(6, ((0, 3), "a", (5, 6)))
    inner = Entity(*mention) if mention else Entity(None, None, text="elsewhere")
    example.entities.append(inner)
    example.relations += [Relation(inner, "b", Entity(5, 6)), Relation(Entity(5, 6), "unheard_of", inner)]
    causes = [cause for _, cause in head_of(anchor=anchor).targets(example).lost]
    assert causes == ([cause] if cause else []) + [NOT_LOCATED if cause == NOT_LOCATED else UNKNOWN]


def test_cells_are_learned_once_and_also_where_the_extent_is_lost():
    twice = sentence(6, ((0, 3), "a", (5, 6)), ((0, 3), "a", (5, 6)), ((2, 3), "a", (5, 6)), ((1, 3), "b", (5, 6)))
    cells = head_of().targets(twice).arrays["relation_cells"]
    numbers = {name: head_of().anchor_table.relations.get(name) + 1 for name in "ab"}
    assert cells.tolist() == [[numbers["a"], 2, 5], [numbers["b"], 2, 5]]


def test_a_token_may_be_forbidden_to_pair_with_itself():
    example = TRAINING[1]
    assert lost(head_of(allow_self=False), example) == [(((0, 1), "c", (0, 1)), SELF)]
    head = head_of()
    head.anchor_table.allow_self = False
    corpus = TensorDataset([example], lambda e: head_of().targets(e).arrays)
    batch = corpus.batch([0])
    (decoded,) = head.oracle(batch)
    assert decoded.relations == []


def test_types_of_the_data_are_tagged_and_predicted():
    typed = sentence(4, ((0, 1), "a", (2, 4)))
    person, place = Entity(0, 1, "PER"), Entity(2, 4, "LOC")
    typed.entities, typed.relations = [person, place], [Relation(person, "a", place)]
    (decoded,) = oracle_decode(head_of([typed]), [typed])
    (relation,) = decoded.relations
    assert (relation.head.type, relation.tail.type) == ("PER", "LOC")


def test_a_mention_without_predicted_entity_is_its_token_and_has_the_score_of_its_relation():
    head = head_of()
    outside = head.anchor_table.read(0, 3, 5, 0.7, {5: Entity(4, 6, score=0.9)})
    assert outside == Relation(Entity(3, 4, score=0.7), head.anchor_table.relations[0], Entity(4, 6, score=0.9), 0.7)
