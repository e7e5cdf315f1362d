"""The relations of sentences and documents, judged by a schema."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from relx.data.document import Document
from relx.data.example import Entity, Example
from relx.schema.enforcement import Argument, Fact, Rule, enforce
from relx.schema.schema import Schema
from relx.utils.text import counted, printable

T = TypeVar("T")


def facts_of(sentences: Iterable[Example]) -> list[Fact]:
    """Return the relations of the sentences of one text, in order."""
    return [
        Fact(_argument(sentence, r.head), r.type, _argument(sentence, r.tail), r.score)
        for sentence in sentences
        for r in sentence.relations
    ]


def facts_of_document(document: Document) -> list[Fact]:
    """Return the relations of a document, those between its sentences last."""
    return [
        Fact(
            Argument(r.head.entity.type, document.mention_text(r.head)),
            r.type,
            Argument(r.tail.entity.type, document.mention_text(r.tail)),
            r.score,
        )
        for r in document.relations()
    ]


def _argument(sentence: Example, entity: Entity) -> Argument:
    return Argument(entity.type, sentence.mention_text(entity))


class Violation(NamedTuple):
    """A relation of labeled data that breaks a schema: its file, the number of its sentence, from 1, and the rule."""

    file: str
    sentence: int
    rule: Rule
    reason: str


def violations(schema: Schema, file: str, texts: Iterable[Sequence[Example]]) -> list[Violation]:
    """Return the relations to drop from the texts of a file so that the others follow the schema."""
    found, first = [], 1
    for sentences in texts:
        facts = facts_of(sentences)
        numbers = [number for number, sentence in enumerate(sentences, first) for _ in sentence.relations]
        for dropped in enforce(schema, facts):
            found.append(Violation(file, numbers[dropped.place], dropped.rule, dropped.reason(facts)))
        first += len(sentences)
    return found


@dataclass
class Enforcement:
    """Enforce a schema on predictions, and count the relations and those that are dropped, by rule.

    ``explain`` receives a line for each relation that is dropped.
    """

    schema: Schema
    explain: Callable[[str], None] | None = None
    relations: int = 0
    dropped: Counter[Rule] = field(default_factory=Counter)

    def sentence(self, example: Example, where: str = "") -> Example:
        """Return a sentence without the relations to drop. ``where`` is put before each explanation."""
        return self.sentences([example], where)[0]

    def sentences(self, text: Sequence[Example], where: str = "") -> list[Example]:
        """Return the sentences of one text, judged together, without the relations to drop."""
        return _kept(text, self._places(facts_of(text), where))

    def document(self, document: Document, where: str = "") -> Document:
        """Return a document without the relations to drop, of those within and between its sentences."""
        places = self._places(facts_of_document(document), where)
        first = sum(len(sentence.relations) for sentence in document.sentences)
        crossing = _without(document.crossing, places, first)
        return replace(document, sentences=_kept(document.sentences, places), crossing=crossing)

    def summary(self) -> str:
        """Return how many relations were dropped, by rule."""
        return dropped_summary(self.relations, self.dropped)

    def _places(self, facts: Sequence[Fact], where: str) -> set[int]:
        found = enforce(self.schema, facts)
        self.relations += len(facts)
        self.dropped.update(dropped.rule for dropped in found)
        for dropped in found if self.explain is not None else ():
            assert self.explain is not None
            self.explain(printable(f"{where}: dropped {dropped.reason(facts)}" if where else dropped.reason(facts)))
        return {dropped.place for dropped in found}


def dropped_summary(relations: int, dropped: Mapping[Any, int]) -> str:
    """Return how many relations a schema dropped, by rule."""
    rules = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(dropped.items()))
    total = f"the schema dropped {sum(dropped.values()):,} of {counted(relations, 'relation')}"
    return f"{total}: {rules}" if rules else total


def _kept(sentences: Sequence[Example], places: Collection[int]) -> list[Example]:
    """Return sentences without the relations at these places of the text."""
    kept, first = [], 0
    for sentence in sentences:
        kept.append(replace(sentence, relations=_without(sentence.relations, places, first)) if places else sentence)
        first += len(sentence.relations)
    return kept


def _without(items: Sequence[T], places: Collection[int], first: int) -> list[T]:
    """Return the items of which the first has the place ``first``, without those at ``places``."""
    return [item for place, item in enumerate(items, first) if place not in places]
