"""The trees that stand in the data."""

from collections.abc import Sequence

from relx.errors import DataError
from relx.parsers.parser import DependencyParser, Parse


@DependencyParser.register("given")
class GivenParses(DependencyParser):
    """No parser: every sentence must come with its tree (``heads``)."""

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """Raises DataError: a sentence that has to be parsed lacks what should have been given."""
        raise DataError(
            f"{len(sentences)} sentences have no heads, and the dependency_parser is 'given'; the first: "
            f"{' '.join(sentences[0])[:80]!r}"
        )
