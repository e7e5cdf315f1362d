"""Sentences as a folder of brat's .txt and .ann files."""

import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from relx.data.example import Entity, Example, text_and_offsets
from relx.errors import DataError, Faults, RelxError
from relx.readers.brat.annotations import NOTE, SCORE
from relx.readers.documents import document_of, end_of, start_of
from relx.readers.held import place_in_text
from relx.utils.files import atomic_write

NAMELESS, CONFIGURATION = "sentences", "annotation.conf"
# A start without an end may count something else than characters: more blanks than this before a sentence say so.
MOST_BLANKS = 500
# brat's lines hold no tab, and what reads them may take any of the others for the end of a line.
_ENDS_LINE = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")


def write_folder(examples: Iterable[Example], folder: Path) -> None:
    """Write a .txt and an .ann for each document; sentences without one become the paragraphs of one more file.

    A mention that covers part of its tokens is written as that part if its characters are known. Scores are notes.
    ``annotation.conf`` declares the types. Raises DataError for a non-empty folder, and for all document names that
    cannot be file names, types that are not one word, and contradictory positions in a document. Raises RelxError if
    the folder cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there and not empty; brat's form is a folder, name a new one")
    faults = Faults()
    sentences: defaultdict[str | None, list[_Sentence]] = defaultdict(list)
    for number, example in enumerate(examples, 1):
        with faults.gathered():
            name = _file_name(document_of(example), f"{folder}: sentence {number}")
            sentences[name].append(_Sentence(example, f"{folder}: sentence {number}"))
    nameless = NAMELESS
    while nameless in sentences:
        nameless = f"_{nameless}"
    documents = {}
    for name, members in sentences.items():
        with faults.gathered():
            documents[name or nameless] = _Document.of(members, placed=name is not None)
    faults.raise_any()
    _write_all(documents, folder)


def _write_all(documents: dict[str, "_Document"], folder: Path) -> None:
    try:
        for name, document in documents.items():
            _write(folder / f"{name}.txt", "".join(document.parts) + "\n")
            _write(folder / f"{name}.ann", "".join(document.lines))
        _write(folder / CONFIGURATION, _configuration(documents.values()))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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


@dataclass(frozen=True)
class _Sentence:
    example: Example
    where: str

    @property
    def start(self) -> int | None:
        """Where ``meta`` says that the sentence begins in its document."""
        return start_of(self.example)

    def has_extent(self) -> bool:
        """Whether ``meta`` has an end too that fits the text: then the start surely counts characters."""
        start, end, text = self.start, end_of(self.example), text_and_offsets(self.example)[0]
        return start is not None and end is not None and end - start == len(text)


@dataclass
class _Document:
    """The text and the annotations of a document as far as they are made."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    lines: list[str] = field(default_factory=list)
    mentions: int = 0
    relations: int = 0
    notes: int = 0
    entity_types: set[str] = field(default_factory=set)
    signatures: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, sentences: Sequence[_Sentence], placed: bool) -> "_Document":
        """Place sentences where they begin in their document; those without a place become paragraphs."""
        document, faults = cls(), Faults()
        starts = [sentence.start for sentence in sentences]
        if placed and None not in starts:
            sentences = sorted(sentences, key=lambda sentence: sentence.start or 0)
        elif placed and any(start is not None for start in starts):
            without = sentences[starts.index(None)]
            raise DataError(f'{without.where}: has no "start" in its meta, as other sentences of its document have')
        for sentence in sentences:
            with faults.gathered():
                document._add(sentence, placed)
        faults.raise_any()
        return document

    def _add(self, sentence: _Sentence, placed: bool) -> None:
        text, offsets = text_and_offsets(sentence.example)
        if placed and sentence.start is not None:
            begin = self._begin(sentence)
            gap = ("\n" if self.parts and begin > self.length else "").ljust(begin - self.length)
        else:  # a blank line: a splitter may read lines that follow each other as one broken sentence
            gap = "\n\n" if self.parts else ""
            begin = self.length + len(gap)
        self.parts += [gap, text]
        self.length = begin + len(text)
        self._annotate(sentence.example, text, offsets, begin, sentence.where)

    def _begin(self, sentence: _Sentence) -> int:
        """Where a sentence begins. Raises DataError where it cannot begin there."""
        start, where = sentence.start, f"{sentence.where}: meta.start is {sentence.start}"
        assert start is not None
        remedy = (
            "in brat's form it is the character of the document at which the sentence begins; rename a key of yours"
        )
        if start < self.length or start < 0:
            raise DataError(f"{where}, within the sentence before, which ends at {self.length}; {remedy}")
        if start - self.length > MOST_BLANKS and not sentence.has_extent():
            blanks = f"{start - self.length:,} blanks before it"
            raise DataError(f"{where}, which leaves {blanks}; {remedy}, or give meta.end too if the start is right")
        return start

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


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None
    with atomic_write(path) as file:
        file.write(content)


def _file_name(document: str | None, where: str) -> str | None:
    """Return the name of a document's files without the suffix; None for no document."""
    if document is None or not document:
        return None
    path = PurePosixPath(document)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where}: the name of its document, {document!r}, leads out of the folder")
    if not path.name or not document.isprintable() or any(part.startswith(".") for part in path.parts):
        raise DataError(
            f"{where}: the name of its document, {document!r}, cannot be that of a file: it is hidden or not printable"
        )
    return str(path)


def _one_word(type: str | None, where: str) -> str:
    if type is None or type.split() != [type]:
        raise DataError(f"{where}: the type {type!r} is not one word; brat's form cannot hold it")
    return type
