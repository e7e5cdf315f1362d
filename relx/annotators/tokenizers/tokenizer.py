"""The kind of component that splits raw text into tokens."""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import pairwise
from typing import NamedTuple

from relx.registry import Registrable

# Zero width space and byte order mark: they part words as a blank does.
ZERO_WIDTH = "\u200b\ufeff"
# Marks that take no room: soft hyphen, joiners, directions. Inside a word they belong to it, at its edge to nothing.
_MARKED = re.compile(f"[{ZERO_WIDTH}\u00ad\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f]")
_UNSEEN = "".join(re.findall(rf"\s|{_MARKED.pattern}", "".join(map(chr, range(0x3001))) + "\ufeff"))


class Tokens(NamedTuple):
    """The tokens of a text and the (start, end) characters of each, end exclusive."""

    words: list[str]
    offsets: list[tuple[int, int]]


class Tokenizer(Registrable, kind="tokenizer"):
    """Split raw texts into tokens with character offsets.

    With ``split_at_mentions`` the training data are also split where an annotated mention begins or ends within a
    token.
    """

    split_at_mentions: bool = False

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text, in order; a text without a visible character has none."""
        raise NotImplementedError

    def of_raw_text(self) -> "Tokenizer":
        """Return the same tokenizer without ``split_at_mentions``: what is to be predicted shows no mentions."""
        if not self.split_at_mentions:
            return self
        other = copy(self)
        other.split_at_mentions = False
        return other


def split_tokens(text: str, tokens: Tokens, boundaries: Iterable[int]) -> Tokens:
    """Return the tokens of a text, split at those of the characters ``boundaries`` that are within a token."""
    cuts = sorted(set(boundaries))
    offsets: list[tuple[int, int]] = []
    for start, end in tokens.offsets:
        places = [start, *(cut for cut in cuts if start < cut < end), end]
        offsets += [(a, b) for a, b in pairwise(places) if len(places) == 2 or text[a:b].strip()]
    if len(offsets) == len(tokens.offsets):
        return tokens
    return Tokens([text[start:end] for start, end in offsets], offsets)


def visible_part(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without the blanks and invisible marks at its edges."""
    words = text[start:end]
    return start + len(words) - len(words.lstrip(_UNSEEN)), start + len(words.rstrip(_UNSEEN))


def visible_tokens(text: str, spans: Iterable[tuple[int, int]]) -> Tokens:
    """Return the tokens at these spans without invisible marks at their edges; drop tokens that become empty."""
    if _MARKED.search(text):
        spans = ((start, end) for start, end in (visible_part(text, *span) for span in spans) if start < end)
    spans = list(spans)
    return Tokens([text[start:end] for start, end in spans], spans)
