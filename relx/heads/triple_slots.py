"""The triples of a sentence as a few slots, one for each decoder that writes a triple (CopyRE, Zeng et al. 2018)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from relx.data.example import Entity, Example, Relation
from relx.heads.pair_cells import PairCells

TripleOrder = Literal["position", "data"]
Slot = Sequence[int]

SURPLUS = "more triples in the sentence than decoders"


class TripleSlots:
    """A slot is (relation, head, tail), each counted from 1, the words that tell head and tail; zeros stand for NA.

    Slots are filled from the first on, in the ``order`` of the position of head and tail or in that of the data.
    """

    def __init__(self, cells: PairCells, slots: int, order: TripleOrder) -> None:
        self.cells = cells
        self.slots = slots
        self.order = order

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """The slots of a sentence, [slots, 3], and the relations that they do not hold; see ``PairCells.write``."""
        cells, lost = self.cells.write(example, tagged)
        if self.order == "position":
            cells = cells[np.lexsort((cells[:, 0], cells[:, 2], cells[:, 1]))]
        slots = np.zeros((self.slots, 3), dtype=np.int32)
        kept = cells[: self.slots] + np.array([0, 1, 1], dtype=np.int32)
        slots[: len(kept)] = kept
        surplus = set(map(tuple, cells[self.slots :].tolist()))
        known = {relation for relation, _ in lost}
        over = [r for r in example.relations if r not in known and self.cells.cell(r) in surplus]
        return slots, lost + [(relation, SURPLUS) for relation in over]

    def read(self, slots: Iterable[Slot], scores: Iterable[float], extents: Mapping[int, Entity]) -> list[Relation]:
        """The triples of the slots before the first with NA in it, each once. ``extents`` as in ``PairCells.read``."""
        found: dict[tuple[int, ...], Relation] = {}
        for slot, score in zip(slots, scores, strict=True):
            if 0 in slot:
                break
            relation, head, tail = (number - 1 for number in slot)
            found.setdefault(tuple(slot), self.cells.read(relation, head, tail, score, extents))
        return list(found.values())
