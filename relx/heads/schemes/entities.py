"""The types of entities, from the data or induced from the relations."""

from collections.abc import Iterable, Mapping, Sequence

from relx.data.example import Entity, Example
from relx.data.vocabulary import ENTITY_TYPES, NO_TYPES, Vocabulary
from relx.registry import suggestion

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
        self.source = vocabulary.fact(ENTITY_TYPES, lambda: self._find_source(vocabulary))
        self.names = vocabulary.namespace(ENTITY_TYPES, self._all_of)

    def type_of(self, entity: Entity, example: Example) -> str:
        """Return the type of one gold entity of a sentence."""
        if self.source == "data":
            return entity.type or OTHER
        if not example.relations:
            return OTHER
        implied = {self._implied(r.type, 0) for r in example.relations if r.head == entity}
        implied |= {self._implied(r.type, 1) for r in example.relations if r.tail == entity}
        return implied.pop() if len(implied) == 1 else OTHER

    def label(self, entity: Entity, example: Example) -> int | None:
        """Return the id of a gold entity's type; None for a type that training did not show."""
        return self.names.get(self.type_of(entity, example))

    def given_labels(self, entities: Iterable[Sequence[Entity]]) -> list[int]:
        """Return the ids of the types of given entities, one sentence after the other; 0 for an unknown type."""
        return [self.label(entity, Example([])) or 0 for of_sentence in entities for entity in of_sentence]

    def fault_of_given(self, entity: Entity) -> str | None:
        """Return what is wrong with the type of a given entity, for a model that reads types; None if it is known."""
        if self.source != "data" or (entity.type is not None and self.label(entity, Example([])) is not None):
            return None
        known = f"; the model reads the types of entities and knows {', '.join(self.names) or 'none'}"
        if entity.type is None:
            return f"the entity has no type{known}"
        return f"the type {entity.type!r} is unknown{suggestion(entity.type, self.names)}{known}"

    @property
    def predicted(self) -> list[str | None]:
        """The types to predict, by id: None where the data knows no types."""
        return [name if self.source == "data" else None for name in self.names]

    def _all_of(self, example: Example) -> Iterable[str]:
        return (self.type_of(entity, example) for entity in example.entities)

    def _implied(self, relation: str, argument: int) -> str:
        signature = self.signatures.get(relation)
        return signature[argument] if signature else OTHER

    def _find_source(self, vocabulary: Vocabulary) -> str:
        examples = vocabulary.examples or ()
        if any(entity.type for example in examples for entity in example.entities):
            return "data"
        induced = any(relation.type in self.signatures for example in examples for relation in example.relations)
        return "induced from relation signatures" if induced else NO_TYPES
