"""Gold labels as the spans and triples of the heads that extract spans, and back."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from corpora import CORPORA
from sentences import clashing_sentence, sentence, spans

from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.heads.cascade.head import Cascade
from relx.heads.casrel import CasRel
from relx.heads.head import NOT_LOCATED, UNKNOWN, Head
from relx.heads.schemes.triples import SELF, SHADOWED, UNLISTED
from relx.training.checks.oracle import oracle_check, oracle_decode

TRAINING = [
    sentence(9, ((0, 2), "a", (4, 6)), ((4, 6), "b", (0, 2)), ((0, 2), "b", (8, 9)), ((0, 2), "b", (4, 6))),
    sentence(3, ((0, 1), "c", (1, 2))),
    sentence(2),
]


def cascade(examples: list[Example] = TRAINING, **arguments: Any) -> Head:
    return Cascade(TaskFeatures(4), Vocabulary(examples), **arguments)


def casrel(examples: list[Example] = TRAINING, **arguments: Any) -> Head:
    return CasRel(4, Vocabulary(examples), **arguments)


HEADS = {
    "match": cascade,
    "nearest": lambda examples=TRAINING, **arguments: cascade(examples, decoding="nearest", **arguments),
    "casrel": casrel,
}


def lost(head: Head, example: Example) -> list[tuple[Any, str]]:
    return [(spans(Example([], [], [relation]))[0], cause) for relation, cause in head.targets(example).lost]


@pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)
def test_gold_that_the_scheme_holds_comes_back(make: Any) -> None:
    head = make()
    for example, decoded in zip(TRAINING, oracle_decode(head, TRAINING), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))
        assert [entity.span for entity in decoded.entities] == sorted(entity.span for entity in example.entities)
        assert {relation.score for relation in decoded.relations} <= {1.0}
        assert lost(head, example) == []


@pytest.mark.parametrize("allow_self", [True, False])
def test_the_cascade_by_match_loses_nothing_without_naming_it(allow_self: bool) -> None:
    draw = random.Random(3)
    examples = [clashing_sentence(draw, ["a", "b", "c", "unseen"]) for _ in range(300)]
    head, causes = cascade(allow_self=allow_self), set()
    for example, decoded in zip(examples, oracle_decode(head, examples), strict=True):
        missing = [relation for relation, _ in head.targets(example).lost]
        held = [relation for relation in example.relations if relation not in missing]
        assert set(spans(decoded)) == set(spans(Example([], [], held)))
        assert [e.span for e in decoded.entities] == sorted({e.span for e in example.entities if e.located})
        causes.update(cause for _, cause in head.targets(example).lost)
    assert causes == {NOT_LOCATED, UNKNOWN} | (set() if allow_self else {SELF})


def test_the_arrays_of_a_sentence() -> None:
    example = sentence(9, ((4, 6), "b", (0, 2)), ((4, 6), "b", (0, 2)), ((0, 2), "a", (4, 6)))
    example.entities.append(Entity(None, None, text="elsewhere"))
    head = cascade()
    arrays = head.targets(example).arrays
    a, b = (head.decoder.relations.get(name) + 1 for name in "ab")
    assert arrays["entity_spans"].tolist() == [[1, 0, 1], [1, 4, 5]]
    assert arrays["triples"].tolist() == [[b, 1, 0], [a, 0, 1]]


def test_each_cause() -> None:
    person, place, other, stranger = Entity(0, 1, "PER"), Entity(2, 3, "LOC"), Entity(2, 3, "ORG"), Entity(4, 5, "DOG")
    known = Example(["w"] * 6, [person, place], [Relation(person, "in", place)])
    head = cascade([known])
    relations = [
        Relation(person, "in", place),
        Relation(person, "of", place),
        Relation(person, "in", Entity(None, None, text="elsewhere")),
        Relation(person, "in", person),
        Relation(person, "in", other),
        Relation(stranger, "in", person),
        Relation(Entity(3, 5), "in", person),
    ]
    targets = head.targets(Example(["w"] * 6, [person, place, other, stranger], relations))
    causes = [UNKNOWN, NOT_LOCATED, SELF, SHADOWED, UNLISTED, UNLISTED]
    assert targets.lost == list(zip(relations[1:], causes, strict=True))
    assert len(targets.arrays["entity_spans"]) == 2
    assert targets.arrays["triples"].tolist() == [[1, 0, 1]], "a place is learned whatever the type of its other entity"


def test_mentions_that_are_told_to_themselves() -> None:
    example = sentence(3, ((0, 1), "c", (0, 1)))
    assert lost(casrel(allow_self=False), example) == [(((0, 1), "c", (0, 1)), SELF)]
    assert spans(oracle_decode(casrel(), [example])[0]) == spans(example)
    assert spans(oracle_decode(cascade(allow_self=True), [example])[0]) == spans(example)


def test_casrel_loses_what_nearest_ends_cannot_spell() -> None:
    nested = sentence(9, ((0, 4), "a", (5, 6)), ((1, 2), "a", (5, 6)))
    assert spans(oracle_decode(casrel(), [nested])[0]) == [((1, 2), "a", (5, 6))]


SCIERC = CORPORA / "data/scierc/spert"


@pytest.mark.skipif(not SCIERC.exists(), reason="needs the SciERC corpus")
@pytest.mark.parametrize(("decoding", "entities"), [("match", 1685), ("nearest", 1684)])
def test_the_ceiling_on_scierc(decoding: str, entities: int) -> None:
    train, test = (_spert(SCIERC / f"{split}_triples.json") for split in ("train", "test"))
    found = oracle_check(cascade(train, decoding=decoding), test, "strict").report
    assert found.triples.f1 == 1.0
    assert (found.entities.gold, found.entities.correct) == (1685, entities)


def _spert(path: Path) -> list[Example]:
    examples = []
    for record in json.loads(path.read_text()):
        entities = [Entity(e["start"], e["end"], e["type"]) for e in record["entities"]]
        relations = [Relation(entities[r["head"]], r["type"], entities[r["tail"]]) for r in record["relations"]]
        examples.append(Example(record["tokens"], entities, relations))
    return examples
