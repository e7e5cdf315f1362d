"""Counting the items of rows that have different numbers of them."""

import torch
from torch import Tensor


def places_within(counts: Tensor) -> Tensor:
    """Count 0, 1, ... within each of some rows of so many items: [rows] -> [sum of counts]."""
    begin = (counts.cumsum(0) - counts).repeat_interleave(counts)
    return torch.arange(len(begin), device=counts.device) - begin
