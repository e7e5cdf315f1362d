"""The kind of component that tells the dependency trees of sentences."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from relx.data.example import Example
from relx.registry import Registrable


class Parse(NamedTuple):
    """A dependency tree: for each token the 1-based number of its head, 0 for a root, and the relation to it."""

    heads: list[int]
    deprels: list[str]


class DependencyParser(Registrable, kind="dependency_parser"):
    """Tells the dependency trees of tokenised sentences."""

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """The tree of each sentence."""
        raise NotImplementedError

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """The same sentences, those without heads with the parser's trees. Raises as ``parse`` does."""
        unparsed = [example.tokens for example in examples if example.heads is None]
        parses = iter(self.parse(unparsed) if unparsed else ())
        return [e if e.heads is not None else replace(e, **next(parses)._asdict()) for e in examples]
