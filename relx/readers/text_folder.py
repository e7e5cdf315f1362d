"""Sentences as the files of a folder: one text for each document, with each sentence at its place."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from relx.data.example import Example, text_and_offsets
from relx.errors import DataError, Faults, RelxError
from relx.readers.documents import document_of, end_of, start_of
from relx.utils.files import atomic_write

NAMELESS = "sentences"
# A start without an end may count something else than characters: more blanks than this before a sentence say so.
MOST_BLANKS = 500


@dataclass(frozen=True)
class PlacedSentence:
    """A sentence, the character of its document at which it begins, and the ``gap`` of blanks before it.

    ``where`` names it in messages.
    """

    example: Example
    begin: int
    gap: str
    where: str


def placed_sentences(examples: Iterable[Example], folder: Path, form: str) -> dict[str, list[PlacedSentence]]:
    """Return the sentences of each document, by the name of its file, in the order of its text.

    Sentences without a document become the paragraphs of one more file. Raises DataError for a non-empty folder, and
    for all document names that cannot be file names and contradictory positions in a document.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: already exists and is not empty; {form}'s form is a folder, so name a new one")
    faults = Faults()
    sentences: defaultdict[str | None, list[tuple[Example, str]]] = defaultdict(list)
    for number, example in enumerate(examples, 1):
        where = f"{folder}: sentence {number}"
        with faults.gathered():
            sentences[_file_name(document_of(example), where)].append((example, where))
    nameless = NAMELESS
    while nameless in sentences:
        nameless = f"_{nameless}"
    documents = {}
    for name, members in sentences.items():
        with faults.gathered():
            documents[name or nameless] = _placed(members, form, is_document=name is not None)
    faults.raise_any()
    return documents


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write files of a folder by their names; leave no folder behind if one cannot be written. Raises RelxError."""
    try:
        for name, content in contents.items():
            _write(folder / name, content)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def is_hidden(file: Path, folder: Path) -> bool:
    """Return whether a file or a folder on the way to it is hidden, as those that editors and archives leave are."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _placed(sentences: Sequence[tuple[Example, str]], form: str, is_document: bool) -> list[PlacedSentence]:
    """Place sentences where they begin in their document; those without a place become paragraphs."""
    starts = [start_of(example) if is_document else None for example, _ in sentences]
    if None not in starts:
        sentences = sorted(sentences, key=lambda sentence: start_of(sentence[0]) or 0)
    elif any(start is not None for start in starts):
        _, where = sentences[starts.index(None)]
        raise DataError(f'{where}: has no "start" in its meta, as other sentences of its document have')
    found: list[PlacedSentence] = []
    length, faults = 0, Faults()
    for example, where in sentences:
        with faults.gathered():
            if None not in starts:
                begin = _begin(example, length, where, form)
                gap = ("\n\n" if found else "")[: begin - length].ljust(begin - length)
            else:  # a blank line: a splitter may read lines that follow each other as one broken sentence
                gap = "\n\n" if found else ""
                begin = length + len(gap)
            found.append(PlacedSentence(example, begin, gap, where))
            length = begin + len(text_and_offsets(example)[0])
    faults.raise_any()
    return found


def _begin(example: Example, length: int, where: str, form: str) -> int:
    """Return where a sentence begins after a text of this length. Raises DataError where it cannot begin there."""
    start, where = start_of(example), f"{where}: meta.start is {start_of(example)}"
    assert start is not None
    remedy = f"{form}'s form reads it as the character at which the sentence begins in the document; rename your key"
    if start < length or start < 0:
        raise DataError(f"{where}, within the sentence before, which ends at {length}; {remedy}")
    if start - length > MOST_BLANKS and not _has_extent(example):
        blanks = f"{start - length:,} blanks before it"
        raise DataError(f"{where}, which leaves {blanks}; {remedy}, or give meta.end too if the start is right")
    return start


def _has_extent(example: Example) -> bool:
    """Return whether ``meta`` has an end that fits start and text: then the start surely counts characters."""
    start, end = start_of(example), end_of(example)
    return start is not None and end is not None and end - start == len(text_and_offsets(example)[0])


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
        raise DataError(f"{where}: the name of its document, {document!r}, points outside of the folder")
    if not path.name or not document.isprintable() or any(part.startswith(".") for part in path.parts):
        raise DataError(
            f"{where}: the name of its document, {document!r}, is no file name: it is hidden or not printable"
        )
    return str(path)
