"""Markers among the words of a sentence, and the vectors of sentences with markers.

Cascade-SRN (section 3.4.1) marks entities and subjects; PURE (Zhong & Chen 2021) marks the two mentions of a pair.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.heads.head import PlainSentences
from relx.utils.argument_checks import require_sizes
from relx.utils.recomputing import recomputed

T = TypeVar("T")
MarkerPair = tuple[str, str]

# So many parts of marked sentences keep what their gradients need; further ones are encoded again.
KEPT_PARTS = 16

SUBJECT: MarkerPair = ("[S:S]", "[S:E]")


def typed_markers(letter: str, types: Sequence[str]) -> list[MarkerPair]:
    """Name markers of spans of each type: [e:TYPE:S] and [e:TYPE:E] with the letter e."""
    return [(f"[{letter}:{type}:S]", f"[{letter}:{type}:E]") for type in types]


class Marking(NamedTuple):
    """A span to mark, the tokens ``start`` to ``last``, with the markers of index ``pair``."""

    start: int
    last: int
    pair: int


class MarkedSentence(NamedTuple):
    """A sentence with markers, and the positions in it of the original tokens and of the opening of each marking."""

    example: Example
    positions: np.ndarray
    opens: np.ndarray


class TextMarkers:
    """Write an opening and a closing marker around spans; ``pairs`` are the markers of each kind of span.

    Spans may overlap and cross. Where several markers meet, those that end a span come first; then each span lies
    within the longer ones, and of spans with the same tokens those with the earlier markers are outside.
    """

    def __init__(self, pairs: Sequence[MarkerPair]) -> None:
        self.pairs = list(pairs)

    @property
    def tokens(self) -> list[str]:
        """All markers."""
        return [marker for pair in self.pairs for marker in pair]

    def insert(self, example: Example, markings: Iterable[Marking]) -> MarkedSentence:
        """Insert the markers. A marker's tag is itself; in a dependency tree its head is the token that it marks."""
        markings = list(markings)
        marks = sorted(mark for index, marking in enumerate(markings) for mark in self._marks(marking, index))
        tokens = np.arange(len(example))
        positions = tokens + np.searchsorted([mark.before for mark in marks], tokens, side="right")
        opens = np.zeros(len(markings), dtype=np.int64)
        for place, mark in enumerate(marks):
            if mark.opens:
                opens[mark.marking] = mark.before + place
        names = [mark.marker for mark in marks]
        marked = Example(_merged(example.tokens, marks, names), id=example.id, context=example.context)
        if example.pos_tags is not None:
            marked.pos_tags = _merged(example.pos_tags, marks, names)
        if example.dependency_heads is not None:
            moved = [head and int(positions[head - 1]) + 1 for head in example.dependency_heads]
            marked.dependency_heads = _merged(moved, marks, [int(positions[mark.token]) + 1 for mark in marks])
        if example.deprels is not None:
            marked.deprels = _merged(example.deprels, marks, names)
        return MarkedSentence(marked, positions, opens)

    def _marks(self, marking: Marking, index: int) -> tuple["_Mark", "_Mark"]:
        start, last, pair = marking
        opening, closing = self.pairs[pair]
        return (
            _Mark(start, True, start - last, pair, opening, start, index),
            _Mark(last + 1, False, last - start, -pair, closing, last, index),
        )


class _Mark(NamedTuple):
    """A marker, sorted by its first four fields: it is written before the token ``before`` and marks ``token``."""

    before: int
    opens: bool
    inward: int
    layer: int
    marker: str
    token: int
    marking: int


def _merged(items: list[T], marks: Sequence[_Mark], inserted: Sequence[T]) -> list[T]:
    """Merge the items of a sentence's tokens with those of the markers."""
    merged: list[T] = []
    done = 0
    for mark, item in zip(marks, inserted, strict=True):
        merged += items[done : mark.before]
        merged.append(item)
        done = mark.before
    return merged + items[done:]


class MarkedReader:
    """Encode sentences with markers, those of similar length together, at most ``max_tokens`` tokens at a time.

    In training, further ones than ``KEPT_PARTS`` times as many are encoded again for their gradients.
    """

    def __init__(self, max_tokens: int) -> None:
        require_sizes(max_tokens=max_tokens)
        self.loader = DataLoader(batch_size=max_tokens, max_tokens=max_tokens)

    def read(self, plain: PlainSentences, marked: Sequence[Example], positions: np.ndarray) -> Tensor:
        """Return the vectors at the ``positions`` [marked, k] of sentences: -> [marked, k, size of the encoder]."""
        if not marked:
            return plain.encoded.new_zeros(0, positions.shape[1], plain.encoded.shape[2])
        plan = self.loader.in_order(np.array([len(example) for example in marked]))

        def part(rows: np.ndarray) -> Tensor:
            encoded = plain.encode(plain.encode.batch_of([marked[row] for row in rows]))
            row = torch.arange(len(rows), device=encoded.device).unsqueeze(1)
            return encoded[row, torch.from_numpy(positions[rows]).to(encoded.device)]

        parts = [*map(part, plan[:KEPT_PARTS]), *(recomputed(part, rows) for rows in plan[KEPT_PARTS:])]
        restored = torch.from_numpy(np.concatenate(plan).argsort())
        return torch.cat(parts)[restored.to(parts[0].device)]
