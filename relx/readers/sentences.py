"""Sentences as the public corpora write them."""

from relx.data.example import Example
from relx.tokenizers.whitespace import WhitespaceTokenizer

_SPLITTER = WhitespaceTokenizer(split_punctuation=False)


def unquoted(sentence: str) -> str:
    """A sentence of the New York Times files without the stray double quotes and line ends around it."""
    return sentence.strip().strip('"').strip()


def pretokenized(text: str) -> Example:
    """The sentence of a text whose tokens stand apart already."""
    words, offsets = _SPLITTER.tokenize([text])[0]
    return Example(words, text=text, offsets=offsets)
