"""Sentences as a folder of WebAnno TSV 3.3 files."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relx.data.alignment import Span, token_span
from relx.data.example import Entity, Example, Relation, text_and_offsets
from relx.errors import DataError, Faults
from relx.readers.held import place_in_text
from relx.readers.text_folder import PlacedSentence, placed_sentences, write_files
from relx.readers.webanno.codes import (
    BASE,
    FORMAT,
    NOTHING,
    RELATIONS,
    SENTENCE_ID,
    SPANS,
    STACK,
    TEXT,
    escaped_text,
    escaped_value,
    units,
)

_BREAKS = re.compile("[\t\n\r]")
# The layers of a new project with INCEpTION's template "Basic annotation (span/relation)".
SPAN_LAYER, RELATION_LAYER = "custom.Span|label", f"custom.Relation|label|{BASE}custom.Span"


def write_folder(examples: Iterable[Example], folder: Path) -> None:
    """Write a .tsv for each document; sentences without one become the paragraphs of one more file.

    Raises DataError for a non-empty folder, and for all document names that cannot be file names, types that hold a
    carriage return, and contradictory positions in a document. Raises RelxError if the folder cannot be written.
    """
    faults, contents = Faults(), {}
    for name, sentences in placed_sentences(examples, folder, "WebAnno").items():
        with faults.gathered():
            contents[f"{name}.tsv"] = _document(sentences)
    faults.raise_any()
    write_files(folder, contents)


@dataclass
class _Unit:
    """A token, or a part of one where a mention begins or ends: its name, place and mentions, and relations to it."""

    name: str
    place: Span
    mentions: list[Entity] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)


def _document(sentences: Sequence[PlacedSentence]) -> str:
    """Return the content of a file. Raises DataError for labels that it cannot hold."""
    kept = [sentence for sentence in sentences if sentence.example.tokens]
    layers = [SPANS + SPAN_LAYER] if any(sentence.example.entities for sentence in kept) else []
    has_relations = any(sentence.example.relations for sentence in kept)
    lines = [f"{FORMAT}3.3", *layers, *([RELATIONS + RELATION_LAYER] if has_relations else []), ""]
    begin, used, kept_number = 0, 0, 0
    for sentence in sentences:
        begin += len(sentence.gap)
        text = text_and_offsets(sentence.example)[0]
        if sentence.example.tokens:
            kept_number += 1
            written = _Sentence(sentence.example, kept_number, begin, used, sentence.where)
            used += len(written.ids)
            lines += ["", *written.lines(bool(layers), has_relations)]
        begin += units(text)[-1]
    return "\n".join(lines) + "\n"


class _Sentence:
    """A sentence with the units that its mentions need.

    ``begin`` is the unit of UTF-16 of the document at which its text begins. ``ids`` numbers, after the ``used`` ones,
    the mentions of several units, and those that share a unit with others.
    """

    def __init__(self, example: Example, number: int, begin: int, used: int, where: str) -> None:
        self.example = example
        self.begin = begin
        self.where = where
        self.text, offsets = text_and_offsets(example)
        self.tokens = [[_Unit(f"{number}-{i}", place)] for i, place in enumerate(offsets, 1)]
        self.first: dict[Entity, _Unit] = {}
        for entity in example.entities:
            self._mark(entity, *place_in_text(entity, self.text, offsets), offsets)
        for relation in example.relations:
            self.first[relation.tail].relations.append(relation)
        counts = Counter(entity for unit in self.units() for entity in unit.mentions)
        shared = {entity for unit in self.units() if len(unit.mentions) > 1 for entity in unit.mentions}
        ambiguous = [entity for entity in example.entities if counts[entity] > 1 or entity in shared]
        self.ids = {entity: used + i for i, entity in enumerate(ambiguous, 1)}

    def units(self) -> list[_Unit]:
        """Return the tokens in order, each followed by its parts."""
        return [unit for of_token in self.tokens for unit in of_token]

    def _mark(self, entity: Entity, start: int, end: int, offsets: Sequence[Span]) -> None:
        """Add a mention to each unit that it covers."""
        first, stop = token_span(offsets, start, end) or entity.span
        for number in range(first, stop):
            begin, last = offsets[number]
            unit = self._unit(number, (max(begin, start), min(last, end)))
            unit.mentions.append(entity)
            self.first.setdefault(entity, unit)

    def _unit(self, number: int, place: Span) -> _Unit:
        """Return the unit at a place of a token; make it if there is none."""
        of_token = self.tokens[number]
        for unit in of_token:
            if unit.place == place:
                return unit
        of_token.append(_Unit(f"{of_token[0].name}.{len(of_token)}", place))
        return of_token[-1]

    def lines(self, has_spans: bool, has_relations: bool) -> list[str]:
        """Return the lines of the sentence, with a column for each layer that the document has."""
        start = self.tokens[0][0].place[0]  # a sentence begins with its first token
        counts = units(self.text)
        id = [] if not (self.example.id or "").strip() else [SENTENCE_ID + escaped_text(self.example.id or "")]
        lines = [*id, *(TEXT + escaped_text(line) for line in self.text[start:].split("\n"))]
        for unit in self.units():
            first, last = unit.place
            place = f"{self.begin + counts[first]}-{self.begin + counts[last]}"
            word = self.text[first:last]  # as INCEpTION writes it, except that it must not end the cell or the line
            cells = [unit.name, place, escaped_text(word) if _BREAKS.search(word) else word]
            cells += [_stacked(self._mention(entity) for entity in unit.mentions)] if has_spans else []
            if has_relations:
                cells.append(_stacked(self._label(relation.type) for relation in unit.relations))
                cells.append(_stacked(self._source(relation) for relation in unit.relations))
            lines.append("\t".join([*cells, ""]))
        return lines

    def _mention(self, entity: Entity) -> str:
        number = self.ids.get(entity)
        return self._label(str(entity.type)) + ("" if number is None else f"[{number}]")

    def _source(self, relation: Relation) -> str:
        """Return the unit at which the head begins, and the ids of head and tail if one of them has one."""
        head, tail = (self.ids.get(entity, 0) for entity in (relation.head, relation.tail))
        return self.first[relation.head].name + (f"[{head}_{tail}]" if head or tail else "")

    def _label(self, type: str) -> str:
        if "\r" in type:
            raise DataError(f"{self.where}: the type {type!r} holds a carriage return; WebAnno's form cannot hold it")
        return escaped_value(type)


def _stacked(cells: Iterable[str]) -> str:
    return STACK.join(cells) or NOTHING
