"""Which starts and ends of spans belong together."""

from collections.abc import Collection

import torch
from torch import Tensor

from relx.heads.pair_scorers import Cells


def all_in_order(starts: Tensor, ends: Tensor) -> Cells:
    """Every start with every end of its row and label that does not stand before it: [rows, length, labels] each."""
    # A table of pairs is made only of the few rows and labels that have both.
    row, label = (starts.any(dim=1) & ends.any(dim=1)).nonzero(as_tuple=True)
    pairs = starts[row, :, label].unsqueeze(2) & ends[row, :, label].unsqueeze(1)
    block, start, last = pairs.triu().nonzero(as_tuple=True)
    return Cells(row[block], start, last, label[block])


def nearest_end(starts: Tensor, ends: Tensor) -> Cells:
    """Each start with the nearest end of its row and label that does not stand before it (CasRel, Wei et al. 2020)."""
    length = starts.shape[1]
    places = torch.arange(length, device=ends.device).view(1, -1, 1)
    here = torch.where(ends, places, length)
    nearest = here.flip(1).cummin(dim=1).values.flip(1)
    row, start, label = (starts & (nearest < length)).nonzero(as_tuple=True)
    return Cells(row, start, nearest[row, start, label], label)


def cut_short(spans: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """The spans (start, end), of one label, within which another one ends: their starts take that nearer end."""
    ends = {end for _, end in spans}
    return {(start, end) for start, end in spans if any(start < other < end for other in ends)}
