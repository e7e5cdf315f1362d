"""The kind of component that parses sentences into dependency trees."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from relx.annotators.annotation import checked_answers, values_fault
from relx.data.example import Example
from relx.data.trees import tree_fault
from relx.registry import Registrable

logger = logging.getLogger(__name__)


class Parse(NamedTuple):
    """A dependency tree: for each token the 1-based number of its head, 0 for a root, and the relation to it."""

    heads: list[int]
    deprels: list[str]


class DependencyParser(Registrable, kind="dependency_parser"):
    """Parse tokenized sentences to dependency trees."""

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """Return the tree of each sentence."""
        raise NotImplementedError

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """Return the same sentences with the parser's trees, which replace any existing trees.

        Raises the errors of ``parse``, and RelxError for answers that are not trees.
        """
        given = sum(example.dependency_heads is not None for example in examples)
        if given:
            replacing = "%d of %d sentences came with a tree; that of %s replaces it ('given' would keep it)"
            logger.info(replacing, given, len(examples), type(self).__name__)
        sentences = [example.tokens for example in examples]
        parses = checked_answers(self, sentences, self.parse(sentences), parse_fault) if sentences else []
        return [
            replace(e, dependency_heads=parse.heads, deprels=parse.deprels)
            for e, parse in zip(examples, parses, strict=True)
        ]

    def identity(self) -> str | None:
        """Return a string that tells apart parsers of equal arguments, for example by their models; None if not needed.

        Archives store it, so that prediction can warn about other models. Raises RelxError if the models are missing.
        """
        return None


def parse_fault(parse: Any, length: int) -> str | None:
    """Describe what is wrong with the tree of a sentence of ``length`` tokens; return None if it is valid."""
    if not isinstance(parse, Parse):
        return f"expected a Parse, got {type(parse).__name__}"
    wrong = values_fault(parse.heads, int, "heads", length) or values_fault(parse.deprels, str, "deprels", length)
    if wrong is not None:
        return wrong
    fault = tree_fault(parse.heads)
    return None if fault is None else f"heads[{fault[0]}]: {fault[1]}"
