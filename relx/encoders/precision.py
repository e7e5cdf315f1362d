"""What mixed precision leaves out on a processor."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def full_precision_on_cpu(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """A context without autocast on a processor, and the tensors as they are wanted there; elsewhere nothing changes.

    An LSTM in bfloat16 needs instructions that few processors have.
    """
    if tensors[0].device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            yield tuple(tensor.float() for tensor in tensors)
    else:
        yield tensors
