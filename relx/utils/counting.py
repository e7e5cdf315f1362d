"""Items of rows that have different numbers of them: their places, draws of them, and their means."""

import torch
from torch import Tensor


def places_within(counts: Tensor) -> Tensor:
    """Count 0, 1, ... within each of some rows of so many items: [rows] -> [sum of counts]."""
    begin = (counts.cumsum(0) - counts).repeat_interleave(counts)
    return torch.arange(len(begin), device=counts.device) - begin


def drawn(row: Tensor, positive: Tensor, negatives: int) -> Tensor:
    """Draw at most so many negative items of each row at random: the sorted indices of these and of all positive ones.

    ``row`` and ``positive`` [items].
    """
    negative = (~positive).nonzero().squeeze(1)
    of_row = row[negative]
    shuffled = (of_row + torch.rand(len(of_row), device=row.device, dtype=torch.float64)).argsort()
    sorted_row = of_row[shuffled]
    place = torch.arange(len(sorted_row), device=row.device) - torch.searchsorted(sorted_row, sorted_row)
    return torch.cat((positive.nonzero().squeeze(1), negative[shuffled[place < negatives]])).sort().values


def mean_of_rows(losses: Tensor, row: Tensor) -> Tensor:
    """Sum over rows the mean of the items of each row, both [items]: a scalar; a row without items counts as 0."""
    return (losses / torch.bincount(row)[row]).sum() if len(row) else losses.sum()
