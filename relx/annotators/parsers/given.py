"""The trees that the data contain."""

from collections.abc import Sequence

from relx.annotators.annotation import missing_annotation
from relx.annotators.parsers.parser import DependencyParser, Parse
from relx.data.example import Example
from relx.errors import DataError


@DependencyParser.register("given")
class GivenParses(DependencyParser):
    """Take the trees of the data (``heads``), which every sentence must have. Other parsers replace such trees."""

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """Raise DataError, because the data must contain the tree of each of these sentences."""
        raise DataError(missing_annotation(sentences, "heads", "dependency_parser"))

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """Return the sentences unchanged. Raises DataError if a sentence has no tree."""
        unparsed = [example.tokens for example in examples if example.dependency_heads is None]
        if unparsed:
            self.parse(unparsed)
        return list(examples)
