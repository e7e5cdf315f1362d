"""Sentences that know their document: ``meta`` holds its name and, for raw text, where in it the sentence begins."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from relx.data.document import Document
from relx.data.example import Example

DOCUMENT = "document"
START, END = "start", "end"  # of the sentence's text in the document's, in characters


def document_of(example: Example) -> str | None:
    """Return the name of the document that contains a sentence; None if it is unknown."""
    return _meta(example, DOCUMENT, str)


def start_of(example: Example) -> int | None:
    """Return the character of its document at which a sentence begins; None if it is unknown."""
    return _meta(example, START, int)


def end_of(example: Example) -> int | None:
    """Return the character of its document at which a sentence ends, exclusive; None if it is unknown."""
    return _meta(example, END, int)


def examples_of(document: Document) -> list[Example]:
    """Return the sentences of a document, each with the name of the document and its place in the text.

    A relation between two sentences belongs to the sentence that lists it; its argument elsewhere has no position.
    """
    examples = []
    for number, start in enumerate(document.starts):
        example = document.window(number, number + 1)
        place = {} if example.text is None else {START: start, END: start + len(example.text)}
        name = {} if document.id is None else {DOCUMENT: document.id}
        example.meta = {**(document.meta or {}), **name, **place} or None
        example.id = None if document.id is None else f"{document.id}:{number}"
        examples.append(example)
    return examples


def by_document(examples: Iterable[Example]) -> Iterator[tuple[str | None, list[Example]]]:
    """Neighbouring sentences of one document together; a sentence without a document is alone."""
    numbered = enumerate(examples)
    for _, group in groupby(numbered, key=lambda pair: document_of(pair[1]) or pair[0]):
        sentences = [example for _, example in group]
        yield document_of(sentences[0]), sentences


def _meta(example: Example, key: str, kind: type) -> Any:
    value = (example.meta or {}).get(key)
    return value if type(value) is kind else None
