"""Weights that are one tensor under two names, as where a layer takes over the weights of another."""

from collections.abc import Hashable, Mapping

from torch import Tensor


def memory(tensor: Tensor) -> Hashable:
    """Equal for tensors that are the same numbers in the same memory, as long as they live, and for no others."""
    # On the meta device, which gives no memory, every address is 0.
    place = tensor.untyped_storage()._cdata if tensor.is_meta else tensor.data_ptr()
    return tensor.device, place, tensor.dtype, tensor.shape, tensor.stride()


def aliases(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Map each further name of a tensor with several names to its first name."""
    first: dict[Hashable, str] = {}
    named = ((name, first.setdefault(memory(tensor), name)) for name, tensor in tensors.items())
    return {name: known for name, known in named if name != known}


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy the tensors to memory of their own on the CPU; tied tensors stay tied."""
    made = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
    return made | {name: made[known] for name, known in aliases(tensors).items()}
