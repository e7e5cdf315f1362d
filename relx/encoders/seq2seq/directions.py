"""What every encoder that reads a sentence in both directions shares."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Directions = Literal["concatenated", "averaged"]


def reverse(inputs: Tensor, mask: Tensor) -> Tensor:
    """Each sentence read from its own end, its padding left where it was: [batch, length, dim]."""
    lengths = mask.sum(dim=1, keepdim=True)
    places = torch.arange(inputs.shape[1], device=inputs.device).expand(len(inputs), -1)
    mirrored = torch.where(mask, lengths - 1 - places, places)
    return inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))


def join(forward: Tensor, backward: Tensor | None, directions: Directions) -> Tensor:
    """The states of both directions concatenated, or averaged (both must have one size)."""
    if backward is None:
        return forward
    return torch.cat((forward, backward), dim=-1) if directions == "concatenated" else (forward + backward) / 2


def read_backwards(read: Callable[[Tensor], Tensor], inputs: Tensor, mask: Tensor) -> Tensor:
    """What ``read`` says of each sentence from its end, put back into reading order."""
    return reverse(read(reverse(inputs, mask)), mask)
