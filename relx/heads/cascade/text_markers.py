"""Markers of entities and subjects among the words (PURE, Zhong & Chen 2021; Cascade-SRN, section 3.4.1)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from relx.data.example import Example

T = TypeVar("T")


class Marking(NamedTuple):
    """A span to mark, the tokens ``start`` to ``last``, as an entity with this ``label``, or as a subject (None)."""

    start: int
    last: int
    label: int | None


class MarkedSentence(NamedTuple):
    """A sentence with markers, and the positions in it of the original tokens [length]."""

    example: Example
    positions: np.ndarray


class TextMarkers:
    """Write [S:S] and [S:E] around a subject, [e:TYPE:S] and [e:TYPE:E] around an entity.

    Spans may overlap and cross. Where several markers meet, those that end a span come first; then each span lies
    within the longer ones, and an entity within the subject that has the same tokens.
    """

    def __init__(self, types: Sequence[str]) -> None:
        self.subject = ("[S:S]", "[S:E]")
        self.entities = [(f"[e:{type}:S]", f"[e:{type}:E]") for type in types]

    @property
    def tokens(self) -> list[str]:
        """All markers."""
        return [marker for pair in (self.subject, *self.entities) for marker in pair]

    def insert(self, example: Example, markings: Iterable[Marking]) -> MarkedSentence:
        """Insert the markers. A marker's tag is itself; in a dependency tree its head is the token that it marks."""
        marks = sorted(mark for marking in markings for mark in self._marks(marking))
        tokens = np.arange(len(example))
        positions = tokens + np.searchsorted([mark.before for mark in marks], tokens, side="right")
        names = [mark.marker for mark in marks]
        marked = Example(_merged(example.tokens, marks, names), id=example.id)
        if example.pos_tags is not None:
            marked.pos_tags = _merged(example.pos_tags, marks, names)
        if example.heads is not None:
            moved = [head and int(positions[head - 1]) + 1 for head in example.heads]
            marked.heads = _merged(moved, marks, [int(positions[mark.token]) + 1 for mark in marks])
        if example.deprels is not None:
            marked.deprels = _merged(example.deprels, marks, names)
        return MarkedSentence(marked, positions)

    def _marks(self, marking: Marking) -> tuple["_Mark", "_Mark"]:
        start, last, label = marking
        opening, closing = self.subject if label is None else self.entities[label]
        layer = 0 if label is None else label + 1
        return (
            _Mark(start, True, start - last, layer, opening, start),
            _Mark(last + 1, False, last - start, -layer, closing, last),
        )


class _Mark(NamedTuple):
    """A marker, sorted by its first four fields: it is written before the token ``before`` and marks ``token``."""

    before: int
    opens: bool
    inward: int
    layer: int
    marker: str
    token: int


def _merged(items: list[T], marks: Sequence[_Mark], inserted: Sequence[T]) -> list[T]:
    """Merge the items of a sentence's tokens with those of the markers."""
    merged: list[T] = []
    done = 0
    for mark, item in zip(marks, inserted, strict=True):
        merged += items[done : mark.before]
        merged.append(item)
        done = mark.before
    return merged + items[done:]
