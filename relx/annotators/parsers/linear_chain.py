"""Trees without a parser."""

from collections.abc import Sequence

from relx.annotators.parsers.parser import DependencyParser, Parse


@DependencyParser.register("linear_chain")
class ChainParser(DependencyParser):
    """Make each token depend (``dep``) on the one before it; the first is the root."""

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """Return a chain for each sentence."""
        return [_chain(len(tokens)) for tokens in sentences]


def _chain(length: int) -> Parse:
    return Parse(list(range(length)), ["dep" if number else "root" for number in range(length)])
