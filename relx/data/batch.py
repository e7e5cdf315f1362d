"""Sentences as padded tensors, and the corpus from which they are cut."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relx.data.example import Example

Arrays = Mapping[str, np.ndarray]

# The small arrays of so many sentences are in memory at once.
INDEXED_AT_ONCE = 1024


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
    """One array for each of the sentences (at least one), end to end in few buffers: a large corpus stays small.

    ``parts`` are arrays end to end and their shapes [sentences, axes], of ``INDEXED_AT_ONCE`` sentences each but the
    last. They are not joined, which would take the memory of the corpus twice.
    """

    def __init__(self, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.buffers = [buffer for buffer, _ in parts]
        self.shapes = np.concatenate([shapes for _, shapes in parts])
        # Places in the buffer of the part.
        self.ends = np.concatenate([shapes.prod(axis=1).cumsum() for _, shapes in parts])
        self.starts = self.ends - self.shapes.prod(axis=1)
        self.dtype = np.result_type(*self.buffers)
        self.least = self._least_sizes()

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> "RaggedArray":
        """Join arrays of equally many axes."""
        starts = range(0, len(arrays), INDEXED_AT_ONCE)
        return cls([_end_to_end(arrays[start : start + INDEXED_AT_ONCE]) for start in starts])

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return sum(part.nbytes for part in (*self.buffers, self.shapes, self.starts, self.ends))

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
        out = np.zeros((len(rows), *shape), dtype=self.dtype)
        for place, row in enumerate(rows):
            part = self.buffers[row // INDEXED_AT_ONCE]
            array = part[self.starts[row] : self.ends[row]].reshape(self.shapes[row])
            corner: tuple[int | slice, ...] = (place, *map(slice, array.shape))
            out[corner] = array
        return out


def _end_to_end(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of arrays in one buffer, and their shapes."""
    shapes = np.array([array.shape for array in arrays], dtype=np.int64)
    return np.concatenate([array.ravel() for array in arrays]), shapes.reshape(len(arrays), arrays[0].ndim)


class TensorDataset:
    """Hold sentences that were indexed once. Each epoch slices its batches from it, in any order.

    ``cost`` computes as how many tokens sentences of some lengths count in a batch, by default their lengths.
    """

    def __init__(
        self, examples: Iterable[Example], index: Callable[[Example], Arrays],
        cost: Callable[[np.ndarray], np.ndarray] = lambda lengths: lengths,
    ) -> None:  # fmt: skip
        self.examples = list(examples)
        parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for start in range(0, len(self.examples), INDEXED_AT_ONCE):
            indexed = [index(example) for example in self.examples[start : start + INDEXED_AT_ONCE]]
            for name in indexed[0]:
                parts.setdefault(name, []).append(_end_to_end([arrays[name] for arrays in indexed]))
        self.columns = {name: RaggedArray(of_name) for name, of_name in parts.items()}
        self.lengths = np.array([len(example) for example in self.examples], dtype=np.int64)
        self.costs = cost(self.lengths)

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
