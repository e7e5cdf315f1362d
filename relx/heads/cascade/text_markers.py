"""Markers of entities and subjects, set among the words of a sentence (PURE, Zhong & Chen 2021; Cascade-SRN, 3.4.1)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from relx.data.example import Example

T = TypeVar("T")


class Marking(NamedTuple):
    """A span to be marked: the tokens ``start`` to ``last``, and what it is marked as: a label, or None, a subject."""

    start: int
    last: int
    label: int | None


class MarkedText(NamedTuple):
    """A sentence with markers, and where each of the original tokens now stands."""

    example: Example
    places: np.ndarray


class _Mark(NamedTuple):
    """A marker and where it stands: in the order of these numbers, before the token ``before``; ``of`` is marked."""

    before: int
    opens: bool
    inward: int
    layer: int
    marker: str
    of: int


class TextMarkers:
    """[S:S] and [S:E] around a subject, [e:TYPE:S] and [e:TYPE:E] around an entity.

    Spans may overlap and cross. Where several markers meet, those that end a span come first; then each span lies
    within the longer ones, and an entity within the subject that has its place.
    """

    def __init__(self, types: Sequence[str]) -> None:
        self.subject = ("[S:S]", "[S:E]")
        self.entities = [(f"[e:{type}:S]", f"[e:{type}:E]") for type in types]

    @property
    def tokens(self) -> list[str]:
        """All markers."""
        return [marker for pair in (self.subject, *self.entities) for marker in pair]

    def insert(self, example: Example, markings: Iterable[Marking]) -> MarkedText:
        """Set the markers. A marker's tag is itself; in a dependency tree it hangs on the token that it marks."""
        marks = sorted(mark for marking in markings for mark in self._marks(marking))
        tokens = np.arange(len(example))
        places = tokens + np.searchsorted([mark.before for mark in marks], tokens, side="right")
        names = [mark.marker for mark in marks]
        marked = Example(_merged(example.tokens, marks, names), id=example.id)
        if example.pos_tags is not None:
            marked.pos_tags = _merged(example.pos_tags, marks, names)
        if example.heads is not None:
            ours = [head and int(places[head - 1]) + 1 for head in example.heads]
            marked.heads = _merged(ours, marks, [int(places[mark.of]) + 1 for mark in marks])
        if example.deprels is not None:
            marked.deprels = _merged(example.deprels, marks, names)
        return MarkedText(marked, places)

    def _marks(self, marking: Marking) -> tuple[_Mark, _Mark]:
        start, last, label = marking
        opening, closing = self.subject if label is None else self.entities[label]
        layer = 0 if label is None else label + 1
        return (
            _Mark(start, True, start - last, layer, opening, start),
            _Mark(last + 1, False, last - start, -layer, closing, last),
        )


def _merged(items: list[T], marks: Sequence[_Mark], inserted: Sequence[T]) -> list[T]:
    """The items of a sentence's tokens with those of the markers among them."""
    merged: list[T] = []
    done = 0
    for mark, item in zip(marks, inserted, strict=True):
        merged += items[done : mark.before]
        merged.append(item)
        done = mark.before
    return merged + items[done:]
