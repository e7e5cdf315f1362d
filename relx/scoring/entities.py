"""Scores of entities: in all, by type, and by whether they take part in a triple."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from relx.data.example import Entity, Example
from relx.scoring.counts import Counts, Item, Matching
from relx.scoring.protocols import span, typed_span

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
    """Entities by position, and by type as well if every gold entity has one; the name says which.

    Predictions of which none has a type, as those of a head that gives none, are compared by position.
    """
    typed = all(_types(gold)) and (any(_types(predicted)) or not any(example.entities for example in predicted))
    key: Key = typed_span if typed else span
    matching = Matching.of(_entities(gold, key, "gold"), _entities(predicted, key, "predicted"))
    theirs, ours = set(_arguments(gold, key, "gold")), set(_arguments(predicted, key, "predicted"))

    def participation(item: Item) -> tuple[str]:
        arguments = theirs if item in matching.gold else ours
        return (IN_TRIPLE if item in arguments else OUT_OF_TRIPLE,)

    parts = matching.by(participation)
    return EntityScores(
        protocol="entity strict" if typed else "entity boundaries",
        total=matching.total(),
        per_type=matching.by(_type) if typed else {},
        per_participation={part: parts.get(part, Counts()) for part in PARTICIPATION},
    )


def _types(examples: Sequence[Example]) -> Iterator[bool]:
    """Whether each entity has a type."""
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
