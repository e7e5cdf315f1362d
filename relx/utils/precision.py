"""Mixed precision, what it leaves out, what it does on a processor; and numbers that no precision holds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from relx.errors import RelxError

HALF = (torch.bfloat16, torch.float16)


@contextmanager
def bf16_matmul_on_cpu(enabled: bool) -> Iterator[None]:
    """While entered, and if ``enabled``, a CPU that can takes products of float32 matrices in bfloat16."""
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # made at run time
    before = settings.fp32_precision
    if enabled:
        settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


def has_bf16(device: str) -> bool:
    """Return whether a type of device has instructions for bfloat16; a CPU without them emulates it, far slower."""
    return device != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def to_float32(tensor: Tensor) -> Tensor:
    """Convert a tensor in half precision to float32; return any other tensor unchanged."""
    return tensor.float() if tensor.dtype in HALF else tensor


SHOWN = 3


def require_finite(weights: Mapping[str, Tensor], message: str) -> None:
    """Raise RelxError, whose message begins so and names the weights, for numbers that are NaN or infinite."""
    bad = [name for name, t in weights.items() if not _is_finite(t)]
    if bad:
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise RelxError(f"{message} numbers that are not finite, in {', '.join(bad[:SHOWN])}{more}")


def _is_finite(tensor: Tensor) -> bool:
    """Return whether all numbers are finite, without the memory that a mask of them takes."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    return all(bool(bound.isfinite()) for bound in tensor.float().aminmax())
