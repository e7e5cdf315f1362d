"""What test cases share: a failure that says what to do, and comparisons of predictions and of gradients."""

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from relx.data.example import Entity, Example

TOLERANCE = 1e-4


def fail(message: str) -> NoReturn:
    """Raise AssertionError, also where ``python -O`` drops assert statements."""
    raise AssertionError(message)


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with the message unless the condition holds."""
    if not condition:
        fail(message)


def shown(example: Example) -> str:
    """Return a sentence as messages show it."""
    return repr(" ".join(example.tokens)) if example.tokens else "the empty sentence"


def require_same(one: Sequence[Example], other: Sequence[Example], what: str, advice: str) -> None:
    """Raise AssertionError for the first sentence whose predictions differ by more than rounding."""
    for first, second in zip(one, other, strict=True):
        if not _same(_said(first), _said(second)):
            fail(f"{what}: for {shown(first)} it said {_said(first)}, and then {_said(second)}. {advice}")


def require_close(first: Tensor, second: Tensor, what: str, advice: str) -> None:
    """Raise AssertionError for tensors that differ by more than rounding."""
    if first.shape != second.shape:
        fail(f"{what}: the shapes are {list(first.shape)} and {list(second.shape)}. {advice}")
    difference = (first - second).abs().max().item() if first.numel() else 0.0
    scale = max(1.0, second.abs().max().item()) if second.numel() else 1.0
    require(difference <= TOLERANCE * scale, f"{what}: they differ by up to {difference:.3g}. {advice}")


def require_gradients(module: nn.Module) -> None:
    """Raise AssertionError for a trained weight that the loss does not reach."""
    require_finite_gradients(module)
    for name, weight in module.named_parameters():
        if not weight.requires_grad:
            continue
        if weight.grad is None:
            fail(
                f"{name} gets no gradient: the loss does not depend on it. Use it in forward, remove it, or make it a "
                "buffer (register_buffer); .detach(), .item(), argmax and no_grad cut gradients off"
            )
        require(
            bool(weight.grad.norm()),
            f"the gradient of {name} is zero everywhere: its factor, or the slope after it, is zero",
        )


def require_finite_gradients(module: nn.Module) -> None:
    """Raise AssertionError for a gradient that holds infinity or NaN."""
    for name, weight in module.named_parameters():
        finite = weight.grad is None or bool(torch.isfinite(weight.grad.norm()))
        require(finite, f"the gradient of {name} is not finite: {_DIVISIONS}")


_DIVISIONS = "look for a division by zero, log(0), sqrt(0), or a softmax over nothing (an empty sentence)"


def require_finite(loss: Tensor, of_what: str) -> None:
    """Raise AssertionError for a loss that is no finite scalar."""
    require(loss.dim() == 0, f"the loss of {of_what} has the shape {list(loss.shape)}; it must be a scalar")
    require(bool(torch.isfinite(loss)), f"the loss of {of_what} is {loss.item()}: {_DIVISIONS}")


Said = list[tuple[Any, ...]]


def _said(example: Example) -> Said:
    """Return predictions as values that can be compared: spans, types and scores."""
    relations = [(r.head.span, r.type, r.tail.span, _rounded(r.score)) for r in example.relations]
    return sorted(map(_entity, example.entities), key=repr) + sorted(relations, key=repr)


def _entity(entity: Entity) -> tuple[Any, ...]:
    return entity.start, entity.end, entity.type, _rounded(entity.score)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)


def _same(one: Said, other: Said) -> bool:
    return len(one) == len(other) and all(
        first[:-1] == second[:-1] and _close(first[-1], second[-1]) for first, second in zip(one, other, strict=True)
    )


def _close(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE)
