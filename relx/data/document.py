"""A text of several sentences with its entities and relations, also those between sentences."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from relx.data.example import (
    Entity,
    Example,
    Relation,
    Triple,
    text_and_offsets,
    text_with_triples,
    triple_table,
)
from relx.utils import html
from relx.utils.text import printable

LONGEST_HTML = 2_000
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class DocumentMention(NamedTuple):
    """A mention in a document: the index of its sentence, and the entity in that sentence."""

    sentence: int
    entity: Entity


class DocumentRelation(NamedTuple):
    """A relation between two mentions of a document.

    ``sentence`` is the index of the sentence that lists the relation when each sentence is read by itself.
    """

    head: DocumentMention
    type: str
    tail: DocumentMention
    score: float | None = None
    sentence: int = 0
    unseen: bool = False

    @property
    def crosses(self) -> bool:
        """Whether the mentions are in two sentences."""
        return self.head.sentence != self.tail.sentence


class Name(NamedTuple):
    """What the mentions of one type with one normalized name have in common.

    ``name`` is the most frequent spelling; ``places`` are the (start, end) characters of the mentions in the document.
    """

    type: str | None
    name: str
    places: list[tuple[int, int]]


@dataclass(slots=True, repr=False)
class Document:
    """A text and its sentences.

    ``starts`` has, for each sentence, the character of ``text`` at which it begins. Entities, and relations within a
    sentence, are those of its Example; ``crossing`` has the relations between mentions of two sentences. ``meta`` is
    the user's own.
    """

    text: str
    sentences: list[Example] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    crossing: list[DocumentRelation] = field(default_factory=list)
    id: str | None = None
    meta: dict[str, Any] | None = None

    @classmethod
    def of_sentences(cls, sentences: Iterable[Example], id: str | None = None) -> "Document":
        """Make a document of sentences alone: its text has one sentence on each line."""
        document, length = cls("", list(sentences), id=id), 0
        texts = [text_and_offsets(sentence)[0] for sentence in document.sentences]
        for text in texts:
            document.starts.append(length)
            length += len(text) + 1
        document.text = "\n".join(texts)
        return document

    def relate(
        self, head: DocumentMention, type: str, tail: DocumentMention, score: float | None = None, unseen: bool = False
    ) -> None:
        """Add a relation between two mentions of the document; the sentence of the head lists it."""
        if head.sentence == tail.sentence:
            self.sentences[head.sentence].relations.append(Relation(head.entity, type, tail.entity, score, unseen))
        else:
            self.crossing.append(DocumentRelation(head, type, tail, score, head.sentence, unseen))

    def mentions(self) -> Iterator[DocumentMention]:
        """Yield the mentions of each sentence: its entities, then the arguments of relations that are no entities."""
        further: defaultdict[int, list[Entity]] = defaultdict(list)
        for relation in self.crossing:
            for number, entity in (relation.head, relation.tail):
                further[number].append(entity)
        for number, sentence in enumerate(self.sentences):
            for entity in dict.fromkeys([*sentence.mentions(), *further[number]]):
                yield DocumentMention(number, entity)

    def relations(self) -> Iterator[DocumentRelation]:
        """Yield the relations within each sentence, in order, and then those between sentences."""
        for number, sentence in enumerate(self.sentences):
            for head, type, tail, score, unseen in sentence.relations:
                ends = DocumentMention(number, head), DocumentMention(number, tail)
                yield DocumentRelation(ends[0], type, ends[1], score, number, unseen)
        yield from self.crossing

    def characters(self, mention: DocumentMention) -> tuple[int, int] | None:
        """Return (start, end) of a mention in ``text``; None if it was not located."""
        example = self.sentences[mention.sentence]
        place = example.characters(mention.entity)
        if place is None and mention.entity.located:
            offsets, (first, stop) = text_and_offsets(example)[1], mention.entity.span
            place = offsets[first][0], offsets[stop - 1][1]
        start = self.starts[mention.sentence]
        return None if place is None else (start + place[0], start + place[1])

    def mention_text(self, mention: DocumentMention) -> str:
        """Return the words of a mention as the text has them, with single blanks."""
        place = self.characters(mention)
        words = mention.entity.text or "" if place is None else self.text[slice(*place)]
        return " ".join(words.split())

    def names(self) -> list[Name]:
        """Return the located mentions by type and normalized name, in the order of their first places."""
        grouped: defaultdict[tuple[str | None, str], dict[tuple[int, int], str]] = defaultdict(dict)
        for mention in self.mentions():
            if (place := self.characters(mention)) is not None:
                words = self.mention_text(mention)
                grouped[mention.entity.type, normalized_name(words)][place] = words
        return [Name(type, most_frequent(of.values()), sorted(of)) for (type, _), of in grouped.items()]

    def __repr__(self) -> str:
        entities = sum(len(sentence.entities) for sentence in self.sentences)
        return text_with_triples("Document", self.text, entities, self._triples())

    def _repr_html_(self) -> str:
        """Show the text, its names and its triples in a notebook."""
        shown = f"<p>{html.text(printable(self.text, LONGEST_HTML))}</p>"
        if names := self.names():
            rows = [(name.name, name.type or "", str(len(name.places))) for name in names]
            shown += html.table([("entity", "type", "mentions"), *rows])
        return shown + triple_table(self._triples())

    def _triples(self) -> Iterator[Triple]:
        for r in self.relations():
            yield self.mention_text(r.head), r.type, self.mention_text(r.tail), r.score

    def whole(self) -> Example:
        """Return the document as one Example, with the tokens of all its sentences."""
        return self.window(0, len(self.sentences))

    def window(self, first: int, stop: int) -> Example:
        """Return the sentences ``first`` to ``stop`` (exclusive) as one Example, with the relations between them.

        A relation that is too long for any window of this size is kept if the sentence that lists it is in the window.
        Its argument elsewhere has no position.
        """
        sentences = self.sentences[first:stop]
        begins = [0, *accumulate(map(len, sentences))]
        example = self._joined(first, stop, begins)

        def moved(number: int, entity: Entity) -> Entity:
            if not first <= number < stop:
                return Entity(None, None, entity.type, self.sentences[number].mention_text(entity))
            return shifted(entity, begins[number - first], self.starts[number] - self.starts[first])

        for number, sentence in enumerate(sentences, first):
            example.entities += [moved(number, entity) for entity in sentence.entities]
            example.relations += [
                relation._replace(head=moved(number, relation.head), tail=moved(number, relation.tail))
                for relation in sentence.relations
            ]
        for head, type, tail, score, listed, unseen in self.crossing:
            inside = first <= min(head.sentence, tail.sentence) and max(head.sentence, tail.sentence) < stop
            is_too_long = abs(head.sentence - tail.sentence) >= stop - first
            if inside or (is_too_long and first <= listed < stop):
                example.relations.append(Relation(moved(*head), type, moved(*tail), score, unseen))
        return example

    def _joined(self, first: int, stop: int, begins: list[int]) -> Example:
        """Return the tokens of a window, and the annotations that all its sentences have."""
        sentences = self.sentences[first:stop]
        example = Example([token for sentence in sentences for token in sentence.tokens])
        if sentences and all(sentence.pos_tags is not None for sentence in sentences):
            example.pos_tags = [tag for sentence in sentences for tag in sentence.pos_tags or ()]
        if sentences and all(sentence.dependency_heads is not None for sentence in sentences):
            pairs = [(begin, s.dependency_heads or ()) for begin, s in zip(begins, sentences, strict=False)]
            example.dependency_heads = [head and head + begin for begin, heads in pairs for head in heads]
            if all(sentence.deprels is not None for sentence in sentences):
                example.deprels = [label for sentence in sentences for label in sentence.deprels or ()]
        if sentences and all(sentence.text is not None and sentence.offsets is not None for sentence in sentences):
            start = self.starts[first]
            example.text = self.text[start : self.starts[stop - 1] + len(sentences[-1].text or "")]
            example.offsets = [
                (begin - start + a, begin - start + b)
                for begin, sentence in zip(self.starts[first:stop], sentences, strict=True)
                for a, b in sentence.offsets or ()
            ]
        return example


def normalized_name(name: str) -> str:
    """Return what spellings of one name have in common: case, width, blanks and marks at the ends do not matter."""
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return _EDGES.sub("", folded) or folded


def most_frequent(names: Iterable[str]) -> str:
    """Return the most frequent of some spellings; the first one of those that are equally frequent."""
    return Counter(names).most_common(1)[0][0]


def shifted(entity: Entity, tokens: int, characters: int) -> Entity:
    """Return a mention further on by so many tokens and characters."""
    if entity.start is not None and entity.end is not None:
        entity = entity._replace(start=entity.start + tokens, end=entity.end + tokens)
    if entity.characters is not None:
        start, end = entity.characters
        entity = entity._replace(characters=(start + characters, end + characters))
    return entity
