"""Sentences of raw text: its lines, or what ends at a mark in a line."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from relx.tokenizers.tokenizer import Tokens

_STOPS = frozenset((".", "!", "?"))
_CLOSING = frozenset(("'", '"', "''", "”", "’", ")", "]"))
_OPENING = "“\"'`‘"


class RawSentence(NamedTuple):
    """A sentence, the character of its text at which it begins, and its tokens with places in the sentence."""

    start: int
    text: str
    tokens: Tokens


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines of a text, each with the character at which it begins."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, line))
        start += len(line) + 1
    return lines


def line_sentence(start: int, line: str, tokens: Tokens) -> Iterator[RawSentence]:
    """A line as one sentence; none if no token is in it."""
    yield from _between(start, line, tokens, [0, len(tokens.words)])


def marked_sentences(start: int, line: str, tokens: Tokens) -> Iterator[RawSentence]:
    """The sentences of a line.

    One ends at a full stop, a question or an exclamation mark that is a token of its own, and at the quotes and
    brackets that close right after it, if a blank and then a capital letter, or one of a script without capitals, or an
    opening quote follow.
    """
    ends = [i for i in range(1, len(tokens.words)) if _parts(tokens, i)]
    yield from _between(start, line, tokens, [0, *ends, len(tokens.words)])


def unparted(text: str, sentences: Sequence[RawSentence], mentions: Iterable[tuple[int, int]]) -> list[RawSentence]:
    """The sentences of a text, those joined between which a mention (its characters) goes on."""
    begins = [sentence.start for sentence in sentences]
    inside = {
        begin for start, end in mentions for begin in begins[bisect_right(begins, start) : bisect_left(begins, end)]
    }
    joined: list[RawSentence] = []
    for sentence in sentences:
        joined.append(_join(text, joined.pop(), sentence) if sentence.start in inside else sentence)
    return joined


def _join(text: str, before: RawSentence, after: RawSentence) -> RawSentence:
    shift = after.start - before.start
    offsets = [*before.tokens.offsets, *((start + shift, end + shift) for start, end in after.tokens.offsets)]
    joined = text[before.start : after.start + len(after.text)]
    return RawSentence(before.start, joined, Tokens(before.tokens.words + after.tokens.words, offsets))


def _between(start: int, line: str, tokens: Tokens, ends: Sequence[int]) -> Iterator[RawSentence]:
    for first, stop in pairwise(ends):
        if first < stop:
            begin, end = tokens.offsets[first][0], tokens.offsets[stop - 1][1]
            offsets = [(a - begin, b - begin) for a, b in tokens.offsets[first:stop]]
            yield RawSentence(start + begin, line[begin:end], Tokens(tokens.words[first:stop], offsets))


def _parts(tokens: Tokens, i: int) -> bool:
    """Whether a sentence ends right before this token."""
    word, offsets = tokens.words[i], tokens.offsets
    begins = word[0].isalpha() and not word[0].islower() or word[0] in _OPENING
    if offsets[i - 1][1] == offsets[i][0] or not begins:
        return False
    last = i - 1
    while last > 0 and tokens.words[last] in _CLOSING and offsets[last - 1][1] == offsets[last][0]:
        last -= 1
    return tokens.words[last] in _STOPS
