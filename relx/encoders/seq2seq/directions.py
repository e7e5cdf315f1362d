"""Reading sentences from their start and from their end."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Directions = Literal["concatenated", "averaged"]
ReadRows = Callable[[Tensor], Tensor]  # [batch, length, input_dim] -> [batch, length, size], each row from its start


def read_both_directions(
    ahead: ReadRows, back: ReadRows | None, inputs: Tensor, mask: Tensor, directions: Directions = "concatenated"
) -> Tensor:
    """Read each sentence from its start with ``ahead`` and from its end with ``back``: -> [batch, length, size].

    ``back`` reads rows reversed within their own length, so padding stays behind the tokens and reaches no state of
    theirs. For LSTMs this equals ``nn.LSTM(bidirectional=True)`` over packed sequences, and is twice as fast on a CPU.
    """
    from_end = None if back is None else reverse(back(reverse(inputs, mask)), mask)
    from_start = ahead(inputs)
    if from_end is None:
        return from_start
    return torch.cat((from_start, from_end), dim=-1) if directions == "concatenated" else (from_start + from_end) / 2


def reverse(inputs: Tensor, mask: Tensor) -> Tensor:
    """Reverse the tokens of each sentence and leave its padding in place: [batch, length, dim]."""
    lengths = mask.sum(dim=1, keepdim=True)
    places = torch.arange(inputs.shape[1], device=inputs.device).expand(len(inputs), -1)
    mirrored = torch.where(mask, lengths - 1 - places, places)
    return inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))
