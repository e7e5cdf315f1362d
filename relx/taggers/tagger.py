"""The kind of component that tells the parts of speech of tokens."""

from collections.abc import Sequence
from dataclasses import replace

from relx.data.example import Example
from relx.registry import Registrable


class POSTagger(Registrable, kind="pos_tagger"):
    """Tags the tokens of sentences with their parts of speech."""

    def tag(self, sentences: Sequence[list[str]]) -> list[list[str]]:
        """A tag for each token of each sentence."""
        raise NotImplementedError

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """The same sentences, those without tags with the tagger's. Raises as ``tag`` does."""
        untagged = [example.tokens for example in examples if example.pos_tags is None]
        tags = iter(self.tag(untagged) if untagged else ())
        return [e if e.pos_tags is not None else replace(e, pos_tags=next(tags)) for e in examples]
