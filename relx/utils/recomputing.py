"""Less memory in training: what a computation keeps for its gradient, against computing it twice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def recomputed(compute: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return ``compute(*inputs)`` and keep nothing of it; the backward pass computes it again, with the same dropout.

    Tensors that ``compute`` only caches, such as an encoded batch, have to exist before.
    """
    if not torch.is_grad_enabled():
        return compute(*inputs)
    found: Tensor = checkpoint(compute, *inputs, use_reentrant=False)
    return found
