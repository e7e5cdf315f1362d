"""What sentences lack and others can find out."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from relx.data.example import Example
from relx.errors import RelxError

T = TypeVar("T")


class Annotator(Protocol):
    """A tagger, a parser."""

    def fill(self, examples: Sequence[Example]) -> list[Example]:
        """Return the same sentences with the annotation added."""

    def identity(self) -> str | None:
        """Return a string that tells apart annotators of equal arguments, or None if not needed."""


def annotated(examples: Sequence[Example], *annotators: Annotator | None) -> list[Example]:
    """Return the sentences after each annotator has added its annotation; skip annotators that are None."""
    for annotator in filter(None, annotators):
        examples = annotator.fill(examples)
    return list(examples)


def identities(**annotators: Annotator | None) -> dict[str, str]:
    """Return the identity of each annotator by name; omit annotators without one and those that fail to compute it.

    An annotator whose models are missing raises its error later, when it is used.
    """
    identities: dict[str, str] = {}
    for name, annotator in annotators.items():
        with suppress(RelxError):
            identity = annotator and annotator.identity()
            identities |= {name: identity} if identity else {}
    return identities


def checked_answers(
    annotator: object, sentences: Sequence[list[str]], answers: Sequence[T], fault: Callable[[T, int], str | None]
) -> list[T]:
    """Return the answers of an annotator after checking that there is one valid answer for each sentence.

    ``fault`` describes what is wrong with an answer for a given number of tokens, or returns None. Raises RelxError
    with the names of the annotator and the sentence.
    """
    name = type(annotator).__name__
    number = len(answers) if isinstance(answers, Sequence) else type(answers).__name__
    if number != len(sentences):
        raise RelxError(f"{name}: expected an answer for each of {len(sentences)} sentences, got {number}")
    for sentence, answer in zip(sentences, answers, strict=True):
        what = fault(answer, len(sentence))
        if what is not None:
            raise RelxError(f"{name} gave a wrong answer: {what}; the sentence is {_beginning(sentence)}")
    return list(answers)


def values_fault(values: Any, kind: type, what: str, length: int) -> str | None:
    """Describe what is wrong with values that should be a list of one kind, one per token; return None if valid."""
    if not isinstance(values, list) or len(values) != length:
        got = f"{len(values)}" if isinstance(values, list) else type(values).__name__
        return f"{what}: expected a list with one item for each of the {length} tokens, got {got}"
    if set(map(type, values)) <= {kind}:
        return None
    wrong = next(i for i, value in enumerate(values) if type(value) is not kind)
    return f"{what}[{wrong}]: expected {kind.__name__}, got {values[wrong]!r}"


def missing_annotation(sentences: Sequence[list[str]], what: str, annotator: str) -> str:
    """Return the error message for sentences (at least one) that lack an annotation: the first one and the remedy."""
    count = "a sentence has" if len(sentences) == 1 else f"{len(sentences):,} sentences have"
    which = "" if len(sentences) == 1 else "the first: "
    remedy = f'to let a tool find them: -o \'{annotator}={{"type": "stanza"}}\''
    return f"{count} no {what}, and the {annotator} is 'given'; {remedy}; {which}{_beginning(sentences[0])}"


def _beginning(sentence: Sequence[str]) -> str:
    return repr(" ".join(sentence)[:80])
