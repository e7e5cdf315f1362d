"""Sentences as padded tensors, and the corpus from which they are cut."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relx.data.example import Example

Arrays = Mapping[str, np.ndarray]


@dataclass
class Batch:
    """Padded tensors by name, shapes [batch, ...] with zeros as padding; the mask of the real tokens; the sentences."""

    tensors: dict[str, Tensor]
    mask: Tensor
    examples: list[Example]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def to(self, device: torch.device) -> "Batch":
        """Return a copy of the batch on another device."""
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in self.tensors.items()}
        return Batch(moved, self.mask.to(device, non_blocking=True), self.examples)


class RaggedArray:
    """One array for each of the sentences (at least one), end to end in a single buffer: a large corpus stays small."""

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        shapes = np.array([array.shape for array in arrays], dtype=np.int64)
        self.shapes = shapes.reshape(len(arrays), arrays[0].ndim)
        sizes = self.shapes.prod(axis=1)
        self.starts = np.concatenate(([0], np.cumsum(sizes)))
        self.least = self._least_sizes()
        self.buffer = np.concatenate([array.ravel() for array in arrays])

    def _least_sizes(self) -> np.ndarray:
        """1 for each axis, 0 for one that has no place in any array although the axes before it have some."""
        least = np.ones(self.shapes.shape[1], dtype=np.int64)
        for axis in range(1, len(least)):
            sizes = self.shapes[(self.shapes[:, :axis] > 0).all(axis=1), axis]
            least[axis] = 0 if len(sizes) and not sizes.any() else 1
        return least

    def padded(self, rows: Sequence[int]) -> np.ndarray:
        """[len(rows), ...]: the arrays of these rows, each axis padded with zeros to the longest.

        An axis of items, such as tokens, has at least one place; an axis of labels of which there are none has none.
        """
        shape = np.maximum(self.shapes[rows].max(axis=0), self.least)
        out = np.zeros((len(rows), *shape), dtype=self.buffer.dtype)
        for place, row in enumerate(rows):
            array = self.buffer[self.starts[row] : self.starts[row + 1]].reshape(self.shapes[row])
            corner: tuple[int | slice, ...] = (place, *map(slice, array.shape))
            out[corner] = array
        return out


class TensorDataset:
    """Sentences that were indexed once. Batches are cut from it in any order, each epoch anew."""

    def __init__(self, examples: Iterable[Example], index: Callable[[Example], Arrays]) -> None:
        self.examples = list(examples)
        indexed = [index(example) for example in self.examples]
        names = indexed[0] if indexed else ()
        self.columns = {name: RaggedArray([arrays[name] for arrays in indexed]) for name in names}
        self.lengths = np.array([len(example) for example in self.examples], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.examples)

    def batch(self, rows: Sequence[int]) -> Batch:
        """Return the sentences of these rows as one batch, padded to the longest of them."""
        lengths = self.lengths[rows]
        mask = np.arange(max(1, lengths.max())) < lengths[:, None]
        tensors = {name: as_tensor(column.padded(rows)) for name, column in self.columns.items()}
        return Batch(tensors, torch.from_numpy(mask), [self.examples[row] for row in rows])


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor of the same values; integers of any stored size become int64."""
    tensor = torch.from_numpy(array)
    return tensor.long() if array.dtype.kind in "iu" else tensor
