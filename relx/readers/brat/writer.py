"""Sentences as a folder of brat's .txt and .ann files."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relx.data.example import Entity, Example, text_and_offsets
from relx.errors import DataError, Faults
from relx.readers.brat.annotations import NOTE, SCORE
from relx.readers.held import place_in_text
from relx.readers.text_folder import PlacedSentence, placed_sentences, write_files

CONFIGURATION = "annotation.conf"
# brat's lines hold no tab, and what reads them may take any of the others for the end of a line.
_ENDS_LINE = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")


def write_folder(examples: Iterable[Example], folder: Path) -> None:
    """Write a .txt and an .ann for each document; sentences without one become the paragraphs of one more file.

    A mention that covers part of its tokens is written as that part if its characters are known. Scores are notes.
    ``annotation.conf`` declares the types. Raises DataError for a non-empty folder, and for all document names that
    cannot be file names, types that are not one word, and contradictory positions in a document. Raises RelxError if
    the folder cannot be written.
    """
    faults = Faults()
    documents = {}
    for name, sentences in placed_sentences(examples, folder, "brat").items():
        with faults.gathered():
            documents[name] = _Document.of(sentences)
    faults.raise_any()
    contents = {}
    for name, document in documents.items():
        contents[f"{name}.txt"] = "".join(document.parts) + "\n"
        contents[f"{name}.ann"] = "".join(document.lines)
    write_files(folder, {**contents, CONFIGURATION: _configuration(documents.values())})


def _configuration(documents: Iterable["_Document"]) -> str:
    """Return the text of annotation.conf, which declares all types and what each relation may join."""
    entities = {type for document in documents for type in document.entity_types}
    ends: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for document in documents:
        for relation, head, tail in document.signatures:
            ends[relation][0].add(head)
            ends[relation][1].add(tail)
    relations = [
        f"{type}\tArg1:{'|'.join(sorted(heads))}, Arg2:{'|'.join(sorted(tails))}"
        for type, (heads, tails) in sorted(ends.items())
    ]
    return "\n".join(["[entities]", *sorted(entities), "[relations]", *relations, "[events]", "[attributes]", ""])


@dataclass
class _Document:
    """The text and the annotations of a document as far as they are made."""

    parts: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    mentions: int = 0
    relations: int = 0
    notes: int = 0
    entity_types: set[str] = field(default_factory=set)
    signatures: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, sentences: Sequence[PlacedSentence]) -> "_Document":
        """Return the document of sentences in the order of its text."""
        document, faults = cls(), Faults()
        for sentence in sentences:
            text, offsets = text_and_offsets(sentence.example)
            document.parts += [sentence.gap, text]
            with faults.gathered():
                document._annotate(sentence.example, text, offsets, sentence.begin, sentence.where)
        faults.raise_any()
        return document

    def _annotate(self, example: Example, text: str, offsets: list[tuple[int, int]], begin: int, where: str) -> None:
        names: dict[Entity, str] = {}
        for entity in example.entities:
            self.mentions += 1
            names[entity] = f"T{self.mentions}"
            fragments = _fragments(text, *place_in_text(entity, text, offsets))
            places = ";".join(f"{begin + start} {begin + end}" for start, end in fragments)
            words = " ".join(text[start:end] for start, end in fragments)
            self.entity_types.add(type := _one_word(entity.type, where))
            self.lines.append(f"{names[entity]}\t{type} {places}\t{words}\n")
            self._note_score(names[entity], entity.score)
        for relation in example.relations:
            self.relations += 1
            head, tail, type = relation.head, relation.tail, _one_word(relation.type, where)
            self.signatures.add((type, str(head.type), str(tail.type)))
            self.lines.append(f"R{self.relations}\t{type} Arg1:{names[head]} Arg2:{names[tail]}\n")
            self._note_score(f"R{self.relations}", relation.score)

    def _note_score(self, name: str, score: float | None) -> None:
        if score is not None:
            self.notes += 1
            self.lines.append(f"#{self.notes}\t{NOTE} {name}\t{SCORE} {score!r}\n")


def _fragments(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the fragments of a mention; as brat requires, a fragment ends at each line end and column end."""
    fragments, begin = [], start
    for place in [*(match.start() for match in _ENDS_LINE.finditer(text, start, end)), end]:
        piece = text[begin:place]
        if piece.strip():
            fragments.append((begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())))
        begin = place + 1
    return fragments


def _one_word(type: str | None, where: str) -> str:
    if type is None or type.split() != [type]:
        raise DataError(f"{where}: the type {type!r} is not one word; brat's form cannot hold it")
    return type
