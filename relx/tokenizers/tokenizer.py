"""The kind of component that splits raw text into tokens."""

from collections.abc import Sequence
from typing import NamedTuple

from relx.registry import Registrable


class Tokens(NamedTuple):
    """The tokens of a text and the (start, end) characters of each, end exclusive."""

    words: list[str]
    offsets: list[tuple[int, int]]


class Tokenizer(Registrable, kind="tokenizer"):
    """Splits raw texts into tokens with character offsets."""

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, in order; a text without any visible character has none."""
        raise NotImplementedError
