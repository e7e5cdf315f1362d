"""Sentences as the public corpora write them."""

from collections.abc import Iterator
from pathlib import Path

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Example
from relx.errors import DataError

_SPLITTER = WhitespaceTokenizer(split_punctuation=False)


def at_least_one(examples: Iterator[Example], path: str | Path) -> Iterator[Example]:
    """Yield the sentences of a file. Raises DataError if there is none."""
    first = next(examples, None)
    if first is None:
        raise DataError(f"{path}: holds no sentence")
    yield first
    yield from examples


def unquoted(sentence: str) -> str:
    """Strip the stray double quotes and line ends around a sentence of the New York Times files."""
    return sentence.strip().strip('"').strip()


def pretokenized(text: str) -> Example:
    """Return the sentence of a text whose tokens are already separated by spaces."""
    words, offsets = _SPLITTER.tokenize([text])[0]
    return Example(words, text=text, offsets=offsets)
