"""What single heads make of given entities; ``HeadTestCase`` tests what holds of all of them."""

from dataclasses import replace
from typing import Any

import pytest

from relx.data.example import Entity, Example
from relx.data.loader import DataLoader
from relx.heads.head import Head
from relx.model import JointExtractor
from relx.testing import HeadTestCase
from relx.testing.model import SENTENCES

LOADER = DataLoader()
WORDS = ["Ada", "Lovelace", "met", "Grace", "Hopper"]
FULL, LAST = Entity(0, 2, "PER"), Entity(1, 2, "PER")


def built(**head: Any) -> JointExtractor:
    case = HeadTestCase()
    case.head = head
    case.encoder = {"type": "lstm", "hidden_size": 6}
    return case.build().eval()


@pytest.mark.parametrize("head", [{"type": "rin"}, {"type": "rin_v2"}, {"type": "table", "tables": "last"}])
def test_entities_that_share_their_anchor_have_the_same_relations(head: dict[str, Any]) -> None:
    model = built(**head, threshold=1e-6)
    given = Example(WORDS, [FULL, LAST, Entity(3, 5, "PER")])
    related = {(r.head.span, r.type, r.tail.span) for r in model.relate([given], LOADER)[0].relations}
    assert len(related) == 9 * 3  # every pair, and each entity with itself, in all three relations of the corpus


def test_a_head_without_self_pairs_relates_no_entity_to_itself() -> None:
    for head in ({"type": "rin", "threshold": 1e-6}, {"type": "table", "threshold": 1e-6}):
        model = built(**head, allow_self=False)
        [found] = model.relate([Example(WORDS, [FULL, Entity(3, 5, "PER")])], LOADER)
        assert {(r.head.span, r.tail.span) for r in found.relations} == {((0, 2), (3, 5)), ((3, 5), (0, 2))}


def test_of_entities_with_equal_tokens_the_first_has_the_relations() -> None:
    model = built(type="rin", threshold=1e-6)
    given = Example(WORDS, [Entity(3, 5, "PER"), FULL._replace(type="ORG"), FULL])
    heads = {r.head for r in model.relate([given], LOADER)[0].relations}
    assert heads == {given.entities[0], given.entities[1]}


@pytest.mark.parametrize("decoding", ["match", "nearest"])
def test_a_cascade_scores_each_subject_and_object_by_its_own_tokens(decoding: str) -> None:
    spans = {"threshold": 1e-6}
    model = built(type="cascade", decoding=decoding, subject_spans=spans, object_spans=spans)
    given = Example(WORDS, [FULL, Entity(0, 1, "PER"), Entity(3, 5, "LOC")])
    related = {(r.head.span, r.tail.span) for r in model.relate([given], LOADER)[0].relations}
    # The nearest end of a start at 0 is that of [0, 1), yet [0, 2) is scored too.
    assert related == {(a.span, b.span) for a in given.entities for b in given.entities if a != b}


@pytest.mark.parametrize("fusion", ["early", "late"])
def test_a_cascade_reads_the_types_of_given_entities(fusion: str) -> None:
    spans = {"threshold": 1e-6}
    model = built(type="cascade", fusion=fusion, subject_spans=spans, object_spans=spans)
    given = Example(WORDS, [FULL, Entity(3, 5, "LOC")])
    other = replace(given, entities=[FULL._replace(type="ORG"), given.entities[1]])
    scores = [[r.score for r in found.relations] for found in model.relate([given, other], LOADER)]
    assert len(scores[0]) == len(scores[1]) and scores[0] != scores[1]


def test_a_cascade_that_reads_types_names_those_that_it_knows() -> None:
    head = built(type="cascade").head
    assert head.fault_of_given(FULL) is None
    known = "; the model reads the types of entities and knows LOC, PER, ORG"
    assert head.fault_of_given(FULL._replace(type="PERS")) == f"the type 'PERS' is unknown; did you mean 'PER'?{known}"
    assert head.fault_of_given(FULL._replace(type=None)) == f"the entity has no type{known}"
    for unread in ({"type": "cascade", "markers": "subject"}, {"type": "rin"}):
        assert built(**unread).head.fault_of_given(FULL._replace(type="PERS")) is None


def test_a_corpus_without_entity_types_gives_none_to_know() -> None:
    case = HeadTestCase()
    case.head, case.encoder = {"type": "cascade"}, {"type": "lstm", "hidden_size": 6}
    untyped = [
        replace(e, entities=[m._replace(type=None) for m in e.entities], relations=[
            r._replace(head=r.head._replace(type=None), tail=r.tail._replace(type=None)) for r in e.relations])
        for e in SENTENCES
    ]  # fmt: skip
    model = case.build(untyped).eval()
    assert model.head.fault_of_given(FULL._replace(type="anything")) is None
    assert model.relate([Example(WORDS, [FULL._replace(type="anything"), LAST])], LOADER)[0].entities[0].type


def test_heads_that_find_entities_and_relations_at_once_do_not_relate_given_ones() -> None:
    assert not built(type="hmt", hidden_size=6, tag_dim=5).head.relates_given
    assert not built(type="cascade", joint=False).head.relates_given
    with pytest.raises(NotImplementedError):
        Head().relations_between(None, None, [])  # type: ignore[arg-type]
