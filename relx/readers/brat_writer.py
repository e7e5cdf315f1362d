"""Sentences as a folder of brat's .txt and .ann files."""

import logging
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path, PurePosixPath

from relx.data.alignment import token_span
from relx.data.example import Entity, Example
from relx.errors import DataError, RelxError
from relx.files import atomic_write
from relx.readers.documents import document_of, start_of

logger = logging.getLogger(__name__)

NAMELESS = "sentences"


def write_folder(examples: Iterable[Example], folder: Path) -> None:
    """A .txt and an .ann for each document; sentences of no document are the lines of ``sentences.txt``.

    A mention that is a part of its tokens is written as that part where its own words tell which; how often they do
    not is logged. Raises DataError for a folder that holds something, a document's name that leads out of it and a type
    that is not one word; RelxError when the folder cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there and not empty; brat's form is a folder, name a new one")
    documents: defaultdict[str, _Document] = defaultdict(_Document)
    for number, example in enumerate(examples, 1):
        where = f"{folder}: sentence {number}"
        documents[_name(document_of(example), where)].add(example, where)
    try:
        for name, document in documents.items():
            _write(folder / f"{name}.txt", "".join(document.parts) + "\n")
            _write(folder / f"{name}.ann", "".join(document.lines))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if widened := sum(document.widened for document in documents.values()):
        logger.warning(
            "%s: %d mentions have words of their own that do not stand once in their tokens; the tokens are written",
            folder, widened,
        )  # fmt: skip


@dataclass
class _Document:
    """The text and the annotations of a document as far as they are made."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    lines: list[str] = field(default_factory=list)
    mentions: int = 0
    relations: int = 0
    widened: int = 0

    def add(self, example: Example, where: str) -> None:
        """Put a sentence where it begins in its document, or else on the next line."""
        text, offsets = _text_of(example)
        soonest = self.length + 1 if self.parts else 0
        begin = max(start_of(example) or 0, soonest)
        line_end = "\n" if self.parts else ""
        self.parts += [line_end.ljust(begin - self.length), text]
        self.length = begin + len(text)
        self._annotate(example, text, offsets, begin, where)

    def _annotate(self, example: Example, text: str, offsets: list[tuple[int, int]], begin: int, where: str) -> None:
        names: dict[Entity, str] = {}
        for entity in example.entities:
            self.mentions += 1
            names[entity] = f"T{self.mentions}"
            start, end = self._place(entity, text, offsets)
            words = re.sub(r"[\t\n\r]", " ", text[start:end])  # as they stand in the text, but on one line
            place = f"{begin + start} {begin + end}"
            self.lines.append(f"{names[entity]}\t{_one_word(entity.type, where)} {place}\t{words}\n")
        for relation in example.relations:
            self.relations += 1
            arguments = f"Arg1:{names[relation.head]} Arg2:{names[relation.tail]}"
            self.lines.append(f"R{self.relations}\t{_one_word(relation.type, where)} {arguments}\n")

    def _place(self, entity: Entity, text: str, offsets: list[tuple[int, int]]) -> tuple[int, int]:
        """The characters of a mention in its sentence."""
        places = list(_places_of_own_words(entity, text, offsets)) if entity.text else []
        if len(places) == 1:
            return places[0]
        self.widened += entity.text is not None
        return offsets[entity.span[0]][0], offsets[entity.span[1] - 1][1]


def _places_of_own_words(entity: Entity, text: str, offsets: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where the words of a mention stand so that it touches the tokens that it has, and no others."""
    words = re.compile(r"\s+".join(map(re.escape, (entity.text or "").split())))
    first, last = (offsets[token] for token in (entity.span[0], entity.span[1] - 1))
    for begin in range(*first):
        match = words.match(text, begin, last[1])
        if match and match.end() > begin and token_span(offsets, begin, match.end()) == entity.span:
            yield match.span()


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None
    with atomic_write(path) as file:
        file.write(content)


def _name(document: str | None, where: str) -> str:
    path = PurePosixPath(document or NAMELESS)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where}: the name of its document, {document!r}, leads out of the folder")
    return str(path)


def _one_word(type: str | None, where: str) -> str:
    if type is None or type.split() != [type]:
        raise DataError(f"{where}: the type {type!r} is not one word; brat's form cannot hold it")
    return type


def _text_of(example: Example) -> tuple[str, list[tuple[int, int]]]:
    """The text of a sentence and the places of its tokens; without a text, the tokens joined by blanks."""
    if example.text is not None and example.offsets is not None:
        return example.text, example.offsets
    ends = accumulate(len(token) + 1 for token in example.tokens)
    offsets = [(end - 1 - len(token), end - 1) for token, end in zip(example.tokens, ends, strict=True)]
    return " ".join(example.tokens), offsets
