"""Namespaces of items (words, characters, labels) counted from the training sentences and saved as text.

``EntityTypes`` are those of the entities, from the data or induced from the relations.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from relx.data.example import Entity, Example
from relx.errors import ArchiveError
from relx.registry import suggestion

FACTS = "facts.json"
FILES = "files/"
RELATIONS = "relations"  # a namespace
ENTITY_TYPES = "entity_types"  # a namespace, and a fact: where the types come from
NO_TYPES = "none"  # the fact where neither the data nor the relations give entity types
OTHER = "MISC"  # the type of an entity whose type is not known


class Namespace:
    """An ordered set of items, each with its number."""

    def __init__(self, items: Iterable[str]) -> None:
        self.items = list(items)
        self._numbers = {item: number for number, item in enumerate(self.items)}

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)

    def __getitem__(self, number: int) -> str:
        return self.items[number]

    def __contains__(self, item: object) -> bool:
        return item in self._numbers

    def get(self, item: str) -> int | None:
        """Return the number of an item; None for an unknown item."""
        return self._numbers.get(item)

    def get_all(self, items: Iterable[str]) -> list[int | None]:
        """Return what ``get`` returns for each item, several times as fast."""
        return list(map(self._numbers.get, items))


class Vocabulary:
    """What components learn from the training data before they are built, and need again after.

    In training the vocabulary is made from the training sentences and components ask it for the namespaces they need,
    which are counted then. When it comes from an archive, the same questions are answered from what was saved.
    """

    def __init__(self, examples: Sequence[Example] | None) -> None:
        self.examples = examples
        self._namespaces: dict[str, Namespace] = {}
        self._facts: dict[str, Any] = {}
        self._files: dict[str, bytes] = {}

    def close(self) -> None:
        """End counting and release the training sentences."""
        self.examples = None

    @property
    def counting(self) -> bool:
        """Whether this vocabulary is being made from training sentences, rather than read back."""
        return self.examples is not None

    def namespace(self, name: str, items: Callable[[Example], Iterable[str]], min_count: int = 1) -> Namespace:
        """Return the items that occur at least ``min_count`` times in the training sentences, the most frequent first.

        Raises ArchiveError if a vocabulary from an archive lacks the namespace.
        """
        if name not in self._namespaces:
            counts = Counter(chain.from_iterable(map(items, self._training(name))))
            kept = [(item, count) for item, count in counts.items() if count >= min_count]
            kept.sort(key=lambda pair: (-pair[1], pair[0]))
            self._namespaces[name] = Namespace(item for item, _ in kept)
        return self._namespaces[name]

    def relations(self) -> Namespace:
        """Return the relation types of the training sentences. Raises like ``namespace``."""
        return self.namespace(RELATIONS, lambda example: (relation.type for relation in example.relations))

    def listed(self, name: str, items: Callable[[], Iterable[str]]) -> Namespace:
        """Return a namespace of the given items, in their order, without counting. Raises like ``namespace``."""
        if name not in self._namespaces:
            self._training(name)
            self._namespaces[name] = Namespace(items())
        return self._namespaces[name]

    def fact(self, name: str, find: Callable[[], Any]) -> Any:
        """Return a JSON value that is computed once, in training, and stored. Raises like ``namespace``."""
        if name not in self._facts:
            self._training(name)
            self._facts[name] = find()
        return self._facts[name]

    def file(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the content of a file that is made once, in training, and stored. Raises like ``namespace``."""
        if name not in self._files:
            self._training(name)
            self._files[name] = make()
        return self._files[name]

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """Everything counted or listed so far."""
        return self._namespaces

    @property
    def shown(self) -> Mapping[str, Namespace]:
        """Everything counted or listed so far, without the placeholder type of data without entity types."""
        untyped = self._facts.get(ENTITY_TYPES) == NO_TYPES
        return {name: found for name, found in self._namespaces.items() if not (untyped and name == ENTITY_TYPES)}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Everything remembered with ``fact``."""
        return self._facts

    def sizes(self) -> dict[str, int]:
        """Return how many items each namespace that is shown has."""
        return {name: len(namespace) for name, namespace in self.shown.items()}

    def files(self) -> dict[str, bytes]:
        """Return the vocabulary as files: a text file per namespace, an item per line; ``facts.json``; ``files/``."""
        namespaces = {f"{name}.txt": _encode(namespace) for name, namespace in self._namespaces.items()}
        kept = {FILES + name: content for name, content in self._files.items()}
        return {**namespaces, **kept, FACTS: json.dumps(self._facts, indent=2, sort_keys=True).encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Vocabulary":
        """Read the vocabulary that ``files`` wrote. Raises ArchiveError if the files are damaged."""
        vocabulary = cls(None)
        try:
            vocabulary._facts = dict(json.loads(files[FACTS]))
            for name, content in files.items():
                if name.startswith(FILES):
                    vocabulary._files[name.removeprefix(FILES)] = content
                elif name != FACTS:
                    vocabulary._namespaces[name.removesuffix(".txt")] = _unique(Namespace(_decode(content)))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ArchiveError(f"the vocabulary is damaged: {_reason(error)}") from error
        return vocabulary

    def _training(self, name: str) -> Sequence[Example]:
        if self.examples is None:
            raise ArchiveError(f"the vocabulary lacks {name!r}: it was saved by another configuration of the model")
        return self.examples


class EntityTypes:
    """Where the types of entities come from: the data, or the types that each relation's arguments must have.

    Corpora of triples carry no entity types. There an entity has the type that all its relations agree on according to
    ``signatures`` (relation -> [head type, tail type]), and MISC in every other case. What was used is remembered in
    the vocabulary as the fact ``entity_types``. Raises ValueError for a signature that is no pair of types.
    """

    def __init__(self, vocabulary: Vocabulary, signatures: Mapping[str, list[str]] | None = None) -> None:
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


def _reason(error: Exception) -> str:
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else repr(error)


def _unique(namespace: Namespace) -> Namespace:
    """Return the namespace. Raises ValueError for a duplicate item, which would have two numbers."""
    if len(namespace._numbers) < len(namespace):
        twice = next(item for number, item in enumerate(namespace) if namespace.get(item) != number)
        raise ValueError(f"{twice!r} occurs twice")
    return namespace


def _encode(namespace: Namespace) -> bytes:
    # A token may hold any character, also a line end or an unpaired surrogate.
    lines = (item.replace("\\", "\\\\").replace("\n", "\\n") for item in namespace)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _decode(content: bytes) -> Iterator[str]:
    for line in content.decode("utf-8", "surrogatepass").split("\n")[:-1]:
        escaped = "\\" in line
        yield re.sub(r"\\(.)", lambda e: "\n" if e[1] == "n" else e[1], line) if escaped else line
