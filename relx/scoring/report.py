"""Scores of entities: in all, by type, and by whether they take part in a triple."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from relx.data import overlap
from relx.data.example import Entity, Example
from relx.data.overlap import OVERLAP_CLASSES, TextTriple
from relx.data.windows import merged
from relx.scoring.checks import check_same_sentences, check_typed, warn_of_unused
from relx.scoring.counts import Counts, Item, Matching
from relx.scoring.protocols import Protocol, find_protocol, span, typed_span

IN_TRIPLE, OUT_OF_TRIPLE = PARTICIPATION = ("in-triple", "out-of-triple")

Key = Callable[[Example, Entity], Hashable]


@dataclass(frozen=True)
class EntityScores:
    """The counts of all entities and of parts of them; ``protocol`` says what was compared.

    ``per_type`` is empty where no types were compared. ``per_participation`` (Table 3 of Cascade-SRN, after Yan et al.
    2021) parts gold entities by whether they are an argument of a gold triple. A correct prediction is of the part of
    the gold entity that it equals, a wrong one of the first part if it is an argument of a predicted triple: the papers
    leave this open, and so every prediction is in one part.
    """

    protocol: str
    total: Counts
    per_type: dict[str, Counts]
    per_participation: dict[str, Counts]


def score_entities(gold: Sequence[Example], predicted: Sequence[Example]) -> EntityScores:
    """Score entities by position, and also by type if every gold entity has one; the name says which.

    Predictions of which none has a type, as those of a head that gives none, are compared by position.
    """
    key, protocol = entity_key(gold, predicted)
    matching = Matching.of(_entities(gold, key, "gold"), _entities(predicted, key, "predicted"))
    wanted, found = set(_arguments(gold, key, "gold")), set(_arguments(predicted, key, "predicted"))

    def participation(item: Item) -> tuple[str]:
        arguments = wanted if item in matching.gold else found
        return (IN_TRIPLE if item in arguments else OUT_OF_TRIPLE,)

    parts = matching.by(participation)
    return EntityScores(
        protocol=protocol,
        total=matching.total(),
        per_type=matching.by(_type) if key is typed_span else {},
        per_participation={part: parts.get(part, Counts()) for part in PARTICIPATION},
    )


def entity_key(gold: Sequence[Example], predicted: Sequence[Example]) -> tuple[Key, str]:
    """Return what of two entities has to be equal, and the name of this rule."""
    typed = all(_types(gold)) and (any(_types(predicted)) or not any(example.entities for example in predicted))
    return (typed_span, "entity strict") if typed else (span, "entity boundaries")


def _types(examples: Sequence[Example]) -> Iterator[bool]:
    """Return whether each entity has a type."""
    return (entity.type is not None for example in examples for entity in example.entities)


def _entities(examples: Sequence[Example], key: Key, side: str) -> list[Item]:
    return [_item(i, example, e, key, side) for i, example in enumerate(examples) for e in example.entities]


def _arguments(examples: Sequence[Example], key: Key, side: str) -> list[Item]:
    return [
        _item(i, example, entity, key, side)
        for i, example in enumerate(examples)
        for relation in example.relations
        for entity in (relation.head, relation.tail)
    ]


def _item(number: int, example: Example, entity: Entity, key: Key, side: str) -> Item:
    return number, key(example, entity), None if entity.located else side


def _type(item: Item) -> tuple[str, ...]:
    _, (*_, type), _ = item
    return () if type is None else (type,)


TextItem = tuple[Item, TextTriple]

METRICS = tuple(f"{part}_{ratio}" for part in ("triple", "entity") for ratio in ("precision", "recall", "f1"))
LARGEST_SIZE = 5
GOLD_SIZES = (*map(str, range(LARGEST_SIZE)), f"{LARGEST_SIZE}+")


@dataclass(frozen=True)
class Report:
    """The scores of one corpus under one protocol. Of the parts of the entities ``EntityScores`` tells.

    ``per_overlap`` and ``per_size`` count all triples of the sentences of a class, which the distinct gold triples by
    text decide, so that a sentence is of one class under every protocol. ``unseen`` are triples whose texts do not
    occur among the training triples. ``unlocated`` gold triples have no position, so that under this protocol nothing
    can match them; they stay in the recall.
    """

    protocol: str
    triples: Counts
    entity_protocol: str
    entities: Counts
    per_entity_type: dict[str, Counts]
    per_participation: dict[str, Counts]
    per_relation: dict[str, Counts]
    per_overlap: dict[str, Counts]
    per_size: dict[str, Counts]
    unseen: Counts | None
    unlocated: int

    def metrics(self) -> dict[str, float]:
        """Return the headline numbers under the names of METRICS."""
        ratios = (getattr(c, r) for c in (self.triples, self.entities) for r in ("precision", "recall", "f1"))
        return dict(zip(METRICS, ratios, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return all scores for programs."""
        return {
            "protocol": self.protocol,
            "triples": self.triples.to_json(),
            "unlocated": self.unlocated,
            "entity_protocol": self.entity_protocol,
            "entities": self.entities.to_json(),
            "per_entity_type": _to_json(self.per_entity_type),
            "per_participation": _to_json(self.per_participation),
            "per_relation": _to_json(self.per_relation),
            "per_overlap": _to_json(self.per_overlap),
            "per_size": _to_json(self.per_size),
            "unseen": None if self.unseen is None else self.unseen.to_json(),
        }


def score(
    gold: Sequence[Example],
    predicted: Sequence[Example],
    protocol: str = "exact_span",
    seen: Collection[TextTriple] | None = None,
) -> Report:
    """Score predictions against gold, sentence by sentence; ``seen`` are the training triples, by text.

    Windows of sentences are first merged into their documents, so that each triple counts once.

    Raises UnknownProtocol for an unknown name, DataError when the sentences differ or when a protocol that compares
    entity types meets gold without them.
    """
    rule = find_protocol(protocol)
    gold, predicted = merged(gold), merged(predicted)
    check_same_sentences(gold, predicted)
    if rule.typed:
        check_typed(gold)
    warn_of_unused(rule, gold)
    wanted, found = triple_items(gold, rule, "gold"), triple_items(predicted, rule, "predicted")
    triples = Matching.of(wanted, found, rule.multiset)
    entities = score_entities(gold, predicted)
    distinct = [list(dict.fromkeys(overlap.text_triples(example))) for example in gold]
    unseen = None
    if seen is not None:
        unseen = _unseen(_with_text(wanted, gold), _with_text(found, predicted), frozenset(seen), rule.multiset)
    return Report(
        protocol=rule.name,
        triples=triples.total(),
        entity_protocol=entities.protocol,
        entities=entities.total,
        per_entity_type=entities.per_type,
        per_participation=entities.per_participation,
        per_relation=triples.by(_relation_types),
        per_overlap=_by_sentence(triples, [overlap.classes_of(texts) for texts in distinct], OVERLAP_CLASSES),
        per_size=_by_sentence(triples, [_size(texts) for texts in distinct], GOLD_SIZES),
        unseen=unseen,
        unlocated=sum(count for (_, _, side), count in triples.gold.items() if side),
    )


def score_all(
    gold: Sequence[Example],
    predicted: Sequence[Example],
    protocols: Iterable[str],
    train: Iterable[Example] | None = None,
) -> dict[str, Report]:
    """Score under several protocols; with ``train`` also the triples that the training sentences do not hold.

    Raises as ``score`` does.
    """
    seen = None if train is None else set(corpus_triples(train))
    return {name: score(gold, predicted, name, seen) for name in dict.fromkeys(protocols)}


def corpus_triples(examples: Iterable[Example]) -> Iterator[TextTriple]:
    """Return (head text, relation type, tail text) of every relation, in order, such as ``score`` takes as seen."""
    return (triple for example in examples for triple in overlap.text_triples(example))


def triple_items(examples: Sequence[Example], rule: Protocol, side: str) -> list[Item]:
    """Return every triple as a rule counts it; ``side`` marks those that equal no triple of the other side."""
    return [
        (i, rule.key(example, relation), side if rule.located and not relation.located else None)
        for i, example in enumerate(examples)
        for relation in example.relations
    ]


def _unseen(gold: Iterable[TextItem], predicted: Iterable[TextItem], seen: Set[TextTriple], multiset: bool) -> Counts:
    """Count the unseen gold triples against the predictions that equal one of them or are unseen themselves."""
    wanted = [item for item, text in gold if text not in seen]
    known = set(wanted)
    offered = [item for item, text in predicted if text not in seen or item in known]
    return Matching.of(wanted, offered, multiset).total()


def _with_text(items: Iterable[Item], examples: Iterable[Example]) -> Iterator[TextItem]:
    return zip(items, corpus_triples(examples), strict=True)


def _relation_types(item: Item) -> tuple[str]:
    _, (_, relation_type, _), _ = item
    return (relation_type,)


def _size(texts: Sequence[TextTriple]) -> tuple[str]:
    return (GOLD_SIZES[min(len(texts), LARGEST_SIZE)],)


def _by_sentence(matching: Matching, classes: Sequence[Collection[str]], known: Sequence[str]) -> dict[str, Counts]:
    counts = matching.by(lambda item: classes[item[0]])
    return {label: counts.get(label, Counts()) for label in known}


def _to_json(counts: dict[str, Counts]) -> dict[str, dict[str, int | float]]:
    return {label: part.to_json() for label, part in counts.items()}
