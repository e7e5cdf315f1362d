"""Tokens at whitespace, with punctuation split off as in the newspaper corpora of the field."""

import re
from collections.abc import Iterator, Sequence

from relx.annotators.tokenizers.tokenizer import ZERO_WIDTH, Tokenizer, Tokens, visible_tokens

_CHUNK = re.compile(rf"[^\s{ZERO_WIDTH}]+")
# Marks that are tokens even inside a word: (born 1961)--first "..."
_ALWAYS_APART = re.compile(r"\.{2,}|-{2,}|''|``|[\[\](){}<>\"“”„«»…—―]")
_OPENING = frozenset("'`‘$£€¥¿¡")
_CLOSING = frozenset("'’,;:!?%.")
_CLITIC = re.compile(r"(?i:['’](?:s|m|d|re|ve|ll)|n['’]t)$")
_LETTERS_AND_STOPS = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{0,3}$")  # U.S  D.C  a.m  Ph.D, before a last full stop
_INITIAL = re.compile(r"[^\W\d_]$")
_TITLE = re.compile(
    "(?i:mr|mrs|ms|dr|prof|sen|rep|gov|gen|col|lt|sgt|capt|rev|st|ft|mt|jr|sr|inc|corp|co|ltd|bros|vs"
    "|jan|feb|apr|aug|sept|oct|nov)$"
)
# As words of their own these end sentences, so only their capitals tell.
_CAPITALISED = re.compile(
    "(?:Maj|Hon|Mar|Sep|Dec|Ave|Blvd|Rd|Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Mass|Md|Me|Mich|Minn"
    "|Miss|Mo|Mont|Neb|Nev|Okla|Ore|Pa|Tenn|Tex|Va|Vt|Wash|Wis|Wyo)$"
)
_ABBREVIATIONS = (_LETTERS_AND_STOPS, _INITIAL, _TITLE, _CAPITALISED)

Span = tuple[int, int]


@Tokenizer.register("whitespace")
class WhitespaceTokenizer(Tokenizer):
    """Split at whitespace, and split punctuation, possessives and contractions off words.

    A zero width space (U+200B) and a byte order mark (U+FEFF) separate words like a blank. Other invisible marks (soft
    hyphen, joiners, marks of direction) at the edge of a token are not part of it.

    Args:
        split_punctuation: Whether to split punctuation, possessives and contractions off words.
        split_at_mentions: Whether to split the training data also where an annotated mention begins or ends within a
            token.
    """

    def __init__(self, split_punctuation: bool = True, split_at_mentions: bool = False):
        self.split_punctuation = split_punctuation
        self.split_at_mentions = split_at_mentions

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text; each character is in one token, except whitespace and invisible marks."""
        return [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> Tokens:
        chunks = (match.span() for match in _CHUNK.finditer(text))
        spans = [s for chunk in chunks for s in (_pieces(text, *chunk) if self.split_punctuation else [chunk])]
        return visible_tokens(text, spans)


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the spans of the tokens in a stretch without whitespace."""
    for mark in _ALWAYS_APART.finditer(text, start, end):
        yield from _peeled(text, start, mark.start())
        yield mark.span()
        start = mark.end()
    yield from _peeled(text, start, end)


def _peeled(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the spans of a word and of the punctuation marks around it."""
    while start < end and text[start] in _OPENING and not _CLITIC.match(text, start, end):
        yield start, start + 1
        start += 1
    last = _end_of_word(text, start, end)
    yield from _split_clitic(text, start, last)
    yield from ((i, i + 1) for i in range(last, end))


def _end_of_word(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in _CLOSING and not _ends_abbreviation(text, start, end):
        end -= 1
    return end


def _ends_abbreviation(text: str, start: int, end: int) -> bool:
    """Scripts without capitals have no initials, so that a full stop after one letter ends the sentence there."""
    if text[end - 1] != "." or text[end - 2].lower() == text[end - 2].upper():
        return False
    return any(rule.match(text, start, end - 1) for rule in _ABBREVIATIONS)


def _split_clitic(text: str, start: int, end: int) -> Iterator[Span]:
    clitic = _CLITIC.search(text, start, end)
    cut = clitic.start() if clitic else end
    yield from (span for span in ((start, cut), (cut, end)) if span[0] < span[1])
