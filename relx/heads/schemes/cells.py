"""Cells of tables of logits for pairs of tokens."""

from typing import NamedTuple

from torch import Tensor


class TableCells(NamedTuple):
    """Some cells of tables of logits: vectors of equal length, one number for each cell."""

    sentence: Tensor
    head: Tensor
    tail: Tensor
    relation: Tensor

    @classmethod
    def unpadded(cls, cells: Tensor) -> "TableCells":
        """Read the cells (relation from 1, head, tail) of each sentence, [batch, most cells, 3]; 0 is padding."""
        sentence, place = cells[..., 0].nonzero(as_tuple=True)
        relation, head, tail = cells[sentence, place].unbind(dim=-1)
        return cls(sentence, head, tail, relation - 1)
