"""The kind of component that tags tokens with their parts of speech."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from relx.annotators.annotation import checked_answers, values_fault
from relx.data.example import Example
from relx.registry import Registrable


class POSTagger(Registrable, kind="pos_tagger"):
    """Tag the tokens of sentences with their parts of speech."""

    def tag(self, sentences: Sequence[list[str]]) -> list[list[str]]:
        """Return a tag for each token of each sentence."""
        raise NotImplementedError

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """Return the same sentences, with the tagger's tags for those that have none.

        Raises the errors of ``tag``, and RelxError for answers that do not have one tag for each token.
        """
        untagged = [example.tokens for example in examples if example.pos_tags is None]
        tags = iter(checked_answers(self, untagged, self.tag(untagged), _fault) if untagged else ())
        return [e if e.pos_tags is not None else replace(e, pos_tags=next(tags)) for e in examples]

    def identity(self) -> str | None:
        """Return a string that tells apart taggers of equal arguments, for example by their models; None if not needed.

        Archives store it, so that prediction can warn about other models. Raises RelxError if the models are missing.
        """
        return None


def _fault(tags: Any, length: int) -> str | None:
    return values_fault(tags, str, "tags", length)
