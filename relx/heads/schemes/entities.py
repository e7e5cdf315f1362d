"""Entities as one tag for each token, with types from the data or induced from the relations."""

from collections.abc import Iterable, Mapping

import numpy as np

from relx.data.example import Entity, Example
from relx.data.vocabulary import Vocabulary
from relx.heads.schemes.tags import OUTSIDE, Positions, TaggedSpan, TagScheme

OTHER = "MISC"

Signatures = Mapping[str, list[str]]


class EntityTypes:
    """Where the types of entities come from: the data, or the types that each relation's arguments must have.

    Corpora of triples carry no entity types. There an entity has the type that all its relations agree on according to
    ``signatures`` (relation -> [head type, tail type]), and MISC in every other case. What was used is remembered in
    the vocabulary as the fact ``entity_types``. Raises ValueError for a signature that is no pair of types.
    """

    def __init__(self, vocabulary: Vocabulary, signatures: Signatures | None) -> None:
        self.signatures = signatures or {}
        for relation, types in self.signatures.items():
            if len(types) != 2:
                raise ValueError(f"signatures: {relation!r} has {len(types)} types; expected [head type, tail type]")
        self.source = vocabulary.fact("entity_types", lambda: self._find_source(vocabulary))
        self.names = vocabulary.namespace("entity_types", self._all_of)

    def of(self, entity: Entity, example: Example) -> str:
        """The type of one gold entity of a sentence."""
        if self.source == "data":
            return entity.type or OTHER
        implied = {self._implied(r.type, 0) for r in example.relations if r.head == entity}
        implied |= {self._implied(r.type, 1) for r in example.relations if r.tail == entity}
        return implied.pop() if len(implied) == 1 else OTHER

    def _all_of(self, example: Example) -> Iterable[str]:
        return (self.of(entity, example) for entity in example.entities)

    def _implied(self, relation: str, argument: int) -> str:
        signature = self.signatures.get(relation)
        return signature[argument] if signature else OTHER

    def _find_source(self, vocabulary: Vocabulary) -> str:
        examples = vocabulary.examples or ()
        if any(entity.type for example in examples for entity in example.entities):
            return "data"
        induced = any(relation.type in self.signatures for example in examples for relation in example.relations)
        return "induced from relation signatures" if induced else "none"


class EntityTags:
    """Tags of a sentence's entities; where entities overlap, the longest is tagged."""

    def __init__(self, types: EntityTypes, positions: Positions = "BIES") -> None:
        self.types = types
        self.scheme = TagScheme(types.names.items, positions)

    def write(self, example: Example) -> np.ndarray:
        """Gold entities -> tags [length]."""
        tags = np.full(len(example), OUTSIDE, dtype=np.int32)
        located = [entity for entity in example.entities if entity.located]
        for entity in sorted(located, key=lambda entity: entity.span[0] - entity.span[1]):
            start, end = entity.span
            label = self.types.of(entity, example)
            if label in self.scheme.numbers and not tags[start:end].any():
                tags[start:end] = self.scheme.span(end - start, label)
        return tags

    def read(self, tags: list[int], scores: list[float]) -> list[Entity]:
        """Tags -> entities. They bear a type only if the data knew types."""
        return [self._entity(span) for span in self.scheme.read(tags, scores)]

    def _entity(self, span: TaggedSpan[str]) -> Entity:
        known = self.types.source == "data"
        return Entity(span.start, span.end, type=span.label if known else None, score=span.score)
