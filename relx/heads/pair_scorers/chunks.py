"""Sums over the sentences of a batch whose intermediate results are too large to keep for the backward pass."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def sum_in_chunks(
    part: Callable[..., Tensor], rows: Sequence[Tensor], shared: Sequence[Tensor], rows_at_once: int
) -> Tensor:
    """The sum of ``part(*some rows of each tensor)`` over all rows: a scalar.

    Gradients with respect to ``rows`` and to ``shared``, the parameters that ``part`` uses, are computed along with
    the sum, chunk by chunk, so that what ``part`` computes never exists for all rows at once.
    """
    tensors = (*rows, *shared)
    if not torch.is_grad_enabled():  # which a Function is not told
        tensors = tuple(tensor.detach() for tensor in tensors)
    return _SumInChunks.apply(part, rows_at_once, len(rows), *tensors)


class _SumInChunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Callable[..., Tensor], at_once: int, count: int, *tensors: Tensor) -> Tensor:
        wanted = [place for place, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        gradients = {place: torch.zeros_like(tensors[place]) for place in wanted}
        total = tensors[0].new_zeros(())
        for start in range(0, len(tensors[0]), at_once):
            here = slice(start, start + at_once)
            inputs = [tensor[here].detach() for tensor in tensors[:count]] + list(tensors[count:])
            sums = {place: total[here] if place < count else total for place, total in gradients.items()}
            total += _value(part, inputs, count, sums)
        ctx.gradients = [gradients.get(place) for place in range(len(tensors))]
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (None if gradient is None else gradient * scale for gradient in ctx.gradients)
        return None, None, None, *scaled


def _value(part: Callable[..., Tensor], inputs: list[Tensor], count: int, sums: dict[int, Tensor]) -> Tensor:
    """``part`` of the first ``count`` inputs; its gradients with respect to some inputs are added to ``sums``."""
    if not sums:
        return part(*inputs[:count])
    wanted = [inputs[place].requires_grad_() for place in sums]
    with torch.enable_grad():
        value = part(*inputs[:count])
    found = torch.autograd.grad(value, wanted, materialize_grads=True)
    for total, gradient in zip(sums.values(), found, strict=True):
        total += gradient
    return value.detach()
