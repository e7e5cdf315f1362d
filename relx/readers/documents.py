"""Sentences that know their document: ``meta`` holds its name and, for raw text, where in it the sentence begins."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from relx.annotators.sentence_splitters.splitter import RawSentence, Span, uncut
from relx.data.alignment import token_span
from relx.data.document import Document
from relx.data.example import Entity, Example
from relx.data.windows import DOCUMENT, END, START, labeled

UNREAD = (
    "a model cannot predict them, but recall counts them; the reader's argument window lets it read several sentences"
)
"""The note on relations between sentences that the model does not read together."""


def raw_document(
    text: str, sentences: Iterable[RawSentence], id: str | None = None, meta: dict[str, Any] | None = None
) -> Document:
    """Return the document of a text and its sentences, without labels."""
    document = Document(text, id=id, meta=meta)
    for start, of_sentence, tokens in sentences:
        document.starts.append(start)
        document.sentences.append(Example(tokens.words, text=of_sentence, offsets=tokens.offsets))
    return document


def cut_document(example: Example, spans: Sequence[Span]) -> Document:
    """Return the document of an Example whose text has sentences at these spans; no sentence ends inside a mention.

    A mention without a position belongs to the sentence of the mention that it is related to, or to the first one.
    """
    assert example.text is not None and example.offsets is not None
    places = map(example.characters, example.mentions())
    document = Document(example.text, id=example.id, meta=example.meta)
    starts = [start for start, _ in example.offsets]
    for start, end in uncut(spans, filter(None, places)):
        first, stop = bisect_left(starts, start), bisect_left(starts, end)
        offsets = [(a - start, b - start) for a, b in example.offsets[first:stop]]
        if first < stop:
            document.starts.append(start)
            sentence = Example(example.tokens[first:stop], text=example.text[start:end], offsets=offsets)
            document.sentences.append(sentence)
    return labeled(document, example)[0]


def entity_at(example: Example, start: int, end: int, type: str, words: str) -> Entity:
    """Return the tokens that a mention touches, with its own words and characters if it cuts a token."""
    assert example.offsets is not None
    span = token_span(example.offsets, start, end)
    if span is None:
        return Entity(None, None, type, words)
    entity = Entity(*span, type)
    if example.characters(entity) == (start, end):
        return entity
    return entity._replace(text=words, characters=(start, end))


def document_of(example: Example) -> str | None:
    """Return the name of the document that contains a sentence; None if it is unknown."""
    return _meta(example, DOCUMENT, str)


def start_of(example: Example) -> int | None:
    """Return the character of its document at which a sentence begins; None if it is unknown."""
    return _meta(example, START, int)


def end_of(example: Example) -> int | None:
    """Return the character of its document at which a sentence ends, exclusive; None if it is unknown."""
    return _meta(example, END, int)


def by_document(examples: Iterable[Example]) -> Iterator[tuple[str | None, list[Example]]]:
    """Yield each document's name and its neighboring sentences; a sentence without a document is alone."""
    numbered = enumerate(examples)
    for _, group in groupby(numbered, key=lambda pair: document_of(pair[1]) or pair[0]):
        sentences = [example for _, example in group]
        yield document_of(sentences[0]), sentences


def _meta(example: Example, key: str, kind: type) -> Any:
    value = (example.meta or {}).get(key)
    return value if type(value) is kind else None
