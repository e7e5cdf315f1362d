"""Characters to tokens, and the words of a mention against the words of its tokens."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

Span = tuple[int, int]

# What the Penn Treebank's tokenizers write in place of brackets and quotes.
_ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}
_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


def token_span(offsets: Sequence[Span], start: int, end: int) -> Span | None:
    """Return (first, last + 1) of the tokens that the characters ``start`` to ``end`` touch; None if they touch none.

    A span that cuts a token is widened to the whole token. ``offsets`` are in the order of the text.
    """
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    last = bisect_left(offsets, end, key=lambda offset: offset[0])
    return (first, last) if first < last else None


def joined_offsets(tokens: Sequence[str]) -> list[Span]:
    """Return the (start, end) of each token in the tokens joined by blanks."""
    ends = accumulate(len(token) + 1 for token in tokens)
    return [(end - 1 - len(token), end - 1) for token, end in zip(tokens, ends, strict=True)]


def without_accents(text: str) -> str:
    """Return the text with plain letters in place of accented ones."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def same_words(one: str, other: str) -> bool:
    """Return whether two texts differ in blanks, case, accents and escaped brackets and quotes at most."""
    return one == other or _folded(one) == _folded(other)


def places_of_words(words: str, text: str, offsets: Sequence[Span], span: Span) -> list[Span]:
    """Return the places of words in a text where they touch the tokens of ``span`` and no others."""
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
    (begin, end), stop = offsets[span[0]], offsets[span[1] - 1][1]
    matches = (pattern.match(text, place, stop) for place in range(begin, end))
    return [m.span() for m in matches if m and m.end() > m.start() and token_span(offsets, *m.span()) == span]


def _folded(text: str) -> str:
    plain = _ESCAPE.sub(lambda match: _ESCAPES[match[0]], text)
    return "".join(without_accents(plain).casefold().split())
