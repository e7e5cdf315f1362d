"""An LSTM that is given its weights: one fused call runs a decoder over all tokens."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def full_precision_on_cpu(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Turn off autocast on a CPU and yield the tensors in float32; yield them unchanged otherwise.

    An LSTM in bfloat16 needs instructions that few processors have.
    """
    if tensors[0].device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            yield tuple(tensor.float() for tensor in tensors)
    else:
        yield tensors


def fused_lstm(inputs: Tensor, from_input: Tensor, from_state: Tensor, bias: Tensor) -> Tensor:
    """Run a one-layer LSTM from zero states. Its gates are in torch's order: input, forget, cell, output.

    ``inputs`` [batch, length, d], ``from_input`` [4 h, d], ``from_state`` [4 h, h], ``bias`` [4 h]
    -> [batch, length, h].
    """
    with full_precision_on_cpu(inputs, from_input, from_state, bias) as (inputs, from_input, from_state, bias):
        zeros = inputs.new_zeros(1, len(inputs), from_state.shape[1])
        weights = [from_input, from_state, bias, torch.zeros_like(bias)]
        return torch.lstm(inputs, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]
