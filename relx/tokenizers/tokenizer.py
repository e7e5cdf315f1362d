"""The kind of component that splits raw text into tokens."""

from collections.abc import Iterable, Sequence
from copy import copy
from itertools import pairwise
from typing import NamedTuple

from relx.registry import Registrable


class Tokens(NamedTuple):
    """The tokens of a text and the (start, end) characters of each, end exclusive."""

    words: list[str]
    offsets: list[tuple[int, int]]


class Tokenizer(Registrable, kind="tokenizer"):
    """Splits raw texts into tokens with character offsets.

    With ``split_at_mentions`` the training data are also split where an annotated mention begins or ends within a
    token.
    """

    split_at_mentions: bool = False

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, in order; a text without any visible character has none."""
        raise NotImplementedError

    def of_raw_text(self) -> "Tokenizer":
        """Return the same tokenizer without ``split_at_mentions``: what is to be predicted shows no mentions."""
        if not self.split_at_mentions:
            return self
        other = copy(self)
        other.split_at_mentions = False
        return other


def split_tokens(text: str, tokens: Tokens, boundaries: Iterable[int]) -> Tokens:
    """Return the tokens of a text, split at those of the characters ``boundaries`` that lie within a token."""
    cuts = sorted(set(boundaries))
    offsets: list[tuple[int, int]] = []
    for start, end in tokens.offsets:
        places = [start, *(cut for cut in cuts if start < cut < end), end]
        offsets += [(a, b) for a, b in pairwise(places) if len(places) == 2 or text[a:b].strip()]
    if len(offsets) == len(tokens.offsets):
        return tokens
    return Tokens([text[start:end] for start, end in offsets], offsets)
