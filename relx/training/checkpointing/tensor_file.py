"""Write a tree of plain values and tensors as one safetensors file with a checksum, without pickle.

The tensors are the file's tensors, named by their path in the tree, one that occurs in it several times by its first;
the rest is JSON in the file's metadata, with marks in place of tensors, and for what JSON lacks: bytes, tuples, and
keys that are no strings.
"""

import hashlib
import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from relx.errors import RelxError
from relx.utils.files import atomic_binary
from relx.utils.tied_weights import memory

TENSOR, BYTES, TUPLE, PAIRS = "$tensor", "$bytes", "$tuple", "$pairs"
CONTENT, CHECKSUM = "content", "sha256"

Tensors = dict[str, Tensor]


class DamagedFile(RelxError):
    """The file is not as it was written."""


def write_tree(path: Path, tree: Mapping[str, Any]) -> None:
    """Write the tree; it appears under its name whole, and safe from a power cut, or not at all.

    Raises RelxError when it cannot be written, or for a value that is neither plain nor a tensor.
    """
    packer = _Packer()
    content = json.dumps(packer.packed(tree, ""), separators=(",", ":"))
    metadata = {CONTENT: content, CHECKSUM: _checksum(content, packer.tensors)}
    try:
        packed = safetensors.torch.save(packer.tensors, metadata)
    except (SafetensorError, RuntimeError) as error:  # such as weights that are a part of others
        raise RelxError(f"{path}: the weights cannot be saved: {error}") from error
    with atomic_binary(path) as file:
        file.write(packed)


def require_keepable(value: Any, name: str) -> None:
    """Raise RelxError, with its place below ``name``, for a value that no file can hold."""
    _Packer().packed(value, name)


def read_tree(path: Path) -> dict[str, Any]:
    """Return the tree that ``write_tree`` wrote. Raises DamagedFile for anything else."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise DamagedFile(f"{path}: cannot be read: {error}") from error
    content = metadata.get(CONTENT, "")
    if metadata.get(CHECKSUM) != _checksum(content, tensors):
        raise DamagedFile(f"{path}: the checksum does not fit the content")
    tree: dict[str, Any] = _unpacked(json.loads(content), tensors)
    return tree


class _Packer:
    """Take the ``tensors`` out of a tree, by their paths; a tensor that occurs several times, once."""

    def __init__(self) -> None:
        self.tensors: Tensors = {}
        self.known: dict[Hashable, str] = {}

    def packed(self, value: Any, path: str) -> Any:
        """Return the rest of the value as JSON."""
        path = path.lstrip("/")
        match value:
            case Tensor():
                return {TENSOR: self._place(value, path)}
            case bytes():
                self.tensors[path] = torch.frombuffer(bytearray(value), dtype=torch.uint8) if value else torch.empty(0)
                return {BYTES: path}
            case tuple():
                return {TUPLE: [self.packed(item, f"{path}/{index}") for index, item in enumerate(value)]}
            case list():
                return [self.packed(item, f"{path}/{index}") for index, item in enumerate(value)]
            case dict():
                items = {key: self.packed(item, f"{path}/{key}") for key, item in value.items()}
                plain = all(isinstance(key, str) and not key.startswith("$") for key in items)
                return items if plain else {PAIRS: [[key, item] for key, item in items.items()]}
            case None | bool() | int() | float() | str():
                return value
        raise RelxError(
            f"{path}: a {type(value).__name__} cannot be kept in a checkpoint, only numbers, strings, lists, dicts and "
            "tensors"
        )

    def _place(self, tensor: Tensor, path: str) -> str:
        known = self.known.setdefault(memory(tensor), path)
        if known == path:
            self.tensors[path] = tensor.detach().cpu().contiguous()
        return known


def _unpacked(value: Any, tensors: Tensors) -> Any:
    match value:
        case {"$tensor": str(path)}:
            return tensors[path]
        case {"$bytes": str(path)}:
            return tensors[path].numpy().tobytes()
        case {"$tuple": list(items)}:
            return tuple(_unpacked(item, tensors) for item in items)
        case {"$pairs": list(pairs)}:
            return {key: _unpacked(item, tensors) for key, item in pairs}
        case dict():
            return {key: _unpacked(item, tensors) for key, item in value.items()}
        case list():
            return [_unpacked(item, tensors) for item in value]
    return value


def _checksum(content: str, tensors: Tensors) -> str:
    found = hashlib.sha256(content.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
