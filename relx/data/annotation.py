"""What sentences lack and others can find out."""

from collections.abc import Sequence
from typing import Protocol

from relx.data.example import Example


class Annotator(Protocol):
    """A tagger, a parser."""

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """The same sentences, those that lack the annotation with it."""


def annotated(examples: Sequence[Example], *annotators: Annotator | None) -> list[Example]:
    """The sentences with what each annotator adds; None adds nothing."""
    for annotator in filter(None, annotators):
        examples = annotator.fill(examples)
    return list(examples)
