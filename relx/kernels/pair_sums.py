"""Sums over all pairs of tokens without a table of all pairs, or with a few rows of it at a time.

``softplus_of_sums`` is exact to the rounding of the numbers. softplus(z) = log(1 + e^z) = e^z - e^2z/2 + e^3z/3 - ...
for z < 0, and each power is a product: the sum over all pairs of e^k(a_i + b_j) is (sum_i e^k a_i) (sum_j e^k b_j). For
a relation whose greatest logit in a sentence is low enough, ``TERMS`` powers leave a remainder below the rounding.
Few relations are likely in a sentence, and only those need a table.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

TERMS = 4
SUMS_AT_ONCE = 2**18


def softplus_of_sums(heads: Tensor, tails: Tensor) -> Tensor:
    """Sum softplus(heads[b, i, r] + tails[b, j, r]) over b, i, j and r: a scalar.

    Both are [batch, length, relations], -inf at padding.
    """
    near = blocks_above(heads, tails, math.log(torch.finfo(heads.dtype).eps) / TERMS)
    rows = near.flatten().nonzero().squeeze(1)
    blocks = [parts.transpose(1, 2).flatten(0, 1).index_select(0, rows) for parts in (heads, tails)]
    at_once = max(1, SUMS_AT_ONCE // heads.shape[1] ** 2)
    return sum_in_chunks(_with_table, blocks, (), at_once) + _Series.apply(heads, tails, ~near)


def blocks_above(heads: Tensor, tails: Tensor, least: float) -> Tensor:
    """Find the relations of each sentence that have a sum of at least ``least``: -> [batch, relations]."""
    return heads.detach().amax(dim=1) + tails.detach().amax(dim=1) >= least


def _with_table(heads: Tensor, tails: Tensor) -> Tensor:
    return F.softplus(heads.unsqueeze(2) + tails.unsqueeze(1)).sum()


class _Series(torch.autograd.Function):
    """Sum over the relations and sentences that are ``low``, and compute the gradients along with the sum."""

    @staticmethod
    def forward(ctx: Any, heads: Tensor, tails: Tensor, low: Tensor) -> Tensor:
        (heads, top_of_heads), (tails, top_of_tails) = _exponentials(heads), _exponentials(tails)
        highest = torch.where(low, top_of_heads + top_of_tails, -math.inf).exp()
        signed = [power if k % 2 else -power for k, power in enumerate(_powers(highest), start=1)]
        sums_of_heads, sums_of_tails = ([power.sum(dim=1) for power in _powers(parts)] for parts in (heads, tails))
        terms = [
            s * h * t / k for k, (s, h, t) in enumerate(zip(signed, sums_of_heads, sums_of_tails, strict=True), start=1)
        ]
        ctx.save_for_backward(
            _polynomial(heads, [s * t for s, t in zip(signed, sums_of_tails, strict=True)]),
            _polynomial(tails, [s * h for s, h in zip(signed, sums_of_heads, strict=True)]),
        )
        return torch.stack(terms).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        return (*(gradient * scale for gradient in ctx.saved_tensors), None)


def _exponentials(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Return each e^part over the greatest of its relation, which keeps them finite, and the greatest parts."""
    greatest = parts.amax(dim=1).clamp(min=torch.finfo(parts.dtype).min / 4)
    return (parts - greatest.unsqueeze(1)).exp(), greatest


def _powers(numbers: Tensor) -> list[Tensor]:
    """Return the powers 1 to ``TERMS`` of numbers from 0 to 1."""
    powers, base = [numbers], _without_small(numbers)
    for _ in range(1, TERMS):
        powers.append(powers[-1] * base)
    return powers


def _polynomial(numbers: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """Sum factor_k numbers^k: [batch, length, relations] and [batch, relations] each -> as ``numbers``."""
    base, total = _without_small(numbers), factors[-1].unsqueeze(1)
    for factor in factors[-2::-1]:
        total = torch.addcmul(factor.unsqueeze(1), base, total)
    return total * numbers


def _without_small(numbers: Tensor) -> Tensor:
    # Below the rounding only the first power counts, and further ones would be denormal: slow to multiply.
    return F.threshold(numbers, torch.finfo(numbers.dtype).eps, 0)


def sum_in_chunks(
    part: Callable[..., Tensor], rows: Sequence[Tensor], shared: Sequence[Tensor], rows_at_once: int
) -> Tensor:
    """Sum ``part(*some rows of each tensor)`` over all rows: a scalar.

    Use it where the intermediate results are too large to keep for the backward pass. The gradients with respect to
    ``rows`` and to ``shared``, the parameters that ``part`` uses, are computed along with the sum, chunk by chunk, so
    that what ``part`` computes never exists for all rows at once.
    """
    tensors = (*rows, *shared)
    if not torch.is_grad_enabled():  # a Function does not see this
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
    """Compute ``part`` of the first ``count`` inputs; add its gradients with respect to some inputs to ``sums``."""
    if not sums:
        return part(*inputs[:count])
    wanted = [inputs[place].requires_grad_() for place in sums]
    with torch.enable_grad():
        value = part(*inputs[:count])
    found = torch.autograd.grad(value, wanted, materialize_grads=True)
    for total, gradient in zip(sums.values(), found, strict=True):
        total += gradient
    return value.detach()
