"""``weights.safetensors``: held against the model that an archive describes, before memory is given to that model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from relx.errors import ArchiveError
from relx.utils.precision import require_finite
from relx.utils.tied_weights import aliases

WEIGHTS = "weights.safetensors"
SHOWN = 3
# While a model is built it may hold more than it keeps: the half of a transformer that is no encoder, a pooler.
MOST_TENSORS = 1_000
SPARE = 2**24


def weights_of(model: nn.Module) -> bytes:
    """The weights of a model as safetensors; tied ones under their first name alone.

    Raises RelxError for numbers that are not finite, which ``read_weights`` refuses.
    """
    weights = _untied(model.state_dict())
    require_finite(weights, "no archive was written (try a smaller learning rate): the model holds")
    return safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in weights.items()})


def read_weights(content: bytes) -> dict[str, Tensor]:
    """The tensors of a file. Raises ArchiveError for a damaged one, and for numbers that are not finite."""
    try:
        weights = safetensors.torch.load(content)
    except (SafetensorError, KeyError) as error:  # a KeyError for a type of number that torch does not have
        raise ArchiveError(f"{WEIGHTS} does not fit the model: {error}") from None
    require_finite(weights, f"{WEIGHTS} holds")
    return weights


def built_for(weights: Mapping[str, Tensor], build: Callable[[], nn.Module], strict: bool = True) -> Any:
    """The model that ``build`` makes, with these weights.

    It is first made on torch's ``meta`` device, which gives no memory to tensors, and compared. Where ``strict`` is
    false a model that cannot be made there is made at once: a plugin's constructor may compute with its tensors.
    Raises ArchiveError for a model of other weights.
    """
    try:
        with _bounded(weights), torch.device("meta"):
            sketch = build()
    except (NotImplementedError, RuntimeError):
        if strict:
            raise
    else:
        _require_equal(weights, sketch)
    model = build()
    _require_equal(weights, model)
    own = aliases(model.state_dict())
    model.load_state_dict({**weights, **{name: weights[first] for name, first in own.items()}})
    return model


@contextmanager
def _bounded(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Raise ArchiveError as soon as a model under construction has far more tensors, or numbers, than the weights."""
    tensors, numbers = 8 * len(weights) + MOST_TENSORS, 8 * sum(map(Tensor.numel, weights.values())) + SPARE

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal tensors, numbers
        if tensor is not None and tensor.is_meta:  # what is built in another thread, elsewhere, is not counted
            tensors -= 1
            numbers -= tensor.numel()
        if tensors < 0 or numbers < 0:
            raise ArchiveError(f"{WEIGHTS} does not fit the model: {TOO_LARGE}")

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


TOO_LARGE = "the configuration describes a model that is far larger than the weights"


def _require_equal(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    held, needed = ({name: _form(t) for name, t in of.items()} for of in (weights, _untied(model.state_dict())))
    faults = [_fault(name, held, needed) for name in {**needed, **held} if held.get(name) != needed.get(name)]
    if faults:
        raise ArchiveError(f"{WEIGHTS} does not fit the model: {_listed(faults, '; ')}")


def _form(tensor: Tensor) -> str:
    """The shape, and the type of number where it is not the usual one."""
    return f"{list(tensor.shape)}" + (f" {tensor.dtype}".replace("torch.", "") if tensor.dtype != torch.float32 else "")


def _fault(name: str, held: Mapping[str, str], needed: Mapping[str, str]) -> str:
    if name not in needed:
        return f"the model has no {name}"
    return f"{name} is {held.get(name, 'missing')}, the model's is {needed[name]}"


def _listed(items: list[str], separator: str = ", ") -> str:
    more = f"{separator}and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return separator.join(items[:SHOWN]) + more


def _untied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tied = aliases(weights)
    return {name: tensor for name, tensor in weights.items() if name not in tied}
