"""Triples of predicted files with what a graph needs of them: names, types, score, and where they were found."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from relx.data.document import Document, DocumentMention
from relx.data.document_json import document_from_json, is_document
from relx.data.json_form import example_from_json
from relx.data.json_validation import BadRecord, checked
from relx.errors import DataError, Faults
from relx.readers.documents import document_of, start_of
from relx.readers.jsonl import is_error
from relx.readers.records import records
from relx.utils.text import printable

logger = logging.getLogger(__name__)


class Argument(NamedTuple):
    """A mention: its type, its words, and its (start, end) characters in the document; None if it has no place."""

    type: str | None
    name: str
    place: tuple[int, int] | None


class FoundTriple(NamedTuple):
    """A triple and the document in which it was found; ``document`` is ``file:line`` of a text without a name."""

    head: Argument
    relation: str
    tail: Argument
    score: float | None
    document: str


def found_triples(path: str | Path) -> Iterator[FoundTriple]:
    """Yield the triples of a file of sentences or documents in relx's own form, one record at a time.

    Raises DataError, after the last record, for all bad records, each with its ``file:line``.
    """
    faults, errors, nameless = Faults(), 0, 0
    with faults.gathered():
        for line, record in records(path, faults.add):
            where = f"{path}:{line}"
            if isinstance(record, dict) and is_error(record):
                errors += 1
                continue
            try:
                document, name, start = _document(checked(record, dict, "record"), where)
            except BadRecord as error:
                faults.add(DataError(f"{where}: {error}"))
                continue
            for relation in document.relations():
                head, tail = (_argument(document, mention, start) for mention in (relation.head, relation.tail))
                if head.name and tail.name:
                    yield FoundTriple(head, printable(relation.type), tail, relation.score, printable(name))
                else:
                    nameless += 1
    faults.raise_any()
    if errors:
        logger.warning("%s: %d lines hold an error in place of a sentence", path, errors)
    if nameless:
        logger.warning("%s: %d triples with a mention without words are left out", path, nameless)


def _document(record: dict[str, Any], where: str) -> tuple[Document, str, int]:
    """Return a record as a document, its name, and the character at which its text begins in what has that name."""
    if is_document(record):
        document = document_from_json(record)
        return document, document.id or where, 0
    example = example_from_json(record)
    document = Document.of_sentences([example])
    name, start = document_of(example), start_of(example)
    if name is not None and start is not None:
        return document, name, start
    return document, example.id or name or where, 0


def _argument(document: Document, mention: DocumentMention, start: int) -> Argument:
    place = document.characters(mention)
    shifted = None if place is None else (start + place[0], start + place[1])
    type = mention.entity.type
    return Argument(type and printable(type), printable(document.mention_text(mention)), shifted)
