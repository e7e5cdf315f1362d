"""What each task reads of an encoder's output."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import torch
from torch import Tensor


class TaskFeatures:
    """The features of an encoded token that are meant for each task; without tasks, every task reads all of them.

    ``tasks`` gives the ranges of features (start, end) of each task, which are read one after the other. The ranges of
    one task do not overlap; a range that tasks share is the same in each of them.
    """

    def __init__(self, size: int, tasks: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> None:
        self._all = [(0, size)]
        self._tasks = tasks

    def own(self) -> "TaskFeatures":
        """For each task only the features that no other task reads; all of them without tasks."""
        if self._tasks is None:
            return self
        readers = Counter(chain.from_iterable(self._tasks.values()))
        alone = {task: [part for part in ranges if readers[part] == 1] for task, ranges in self._tasks.items()}
        return TaskFeatures(self._all[0][1], alone)

    def size(self, task: str) -> int:
        """How many features a task reads. Raises ValueError for a task that the encoder does not know."""
        return sum(end - start for start, end in self._ranges(task))

    def of(self, encoded: Tensor, task: str) -> Tensor:
        """[..., size of the encoder] -> [..., size of the task]. Raises as ``size`` does."""
        ranges = self._ranges(task)
        # One split, because the gradient of each slice would have the size of the whole.
        cuts = sorted({0, encoded.shape[-1], *chain.from_iterable(ranges)})
        pieces = dict(zip(cuts, encoded.split([end - start for start, end in pairwise(cuts)], dim=-1), strict=False))
        read = [pieces[start] for start, _ in ranges]
        return read[0] if len(read) == 1 else torch.cat(read, dim=-1)

    def _ranges(self, task: str) -> Sequence[tuple[int, int]]:
        if self._tasks is None:
            return self._all
        if task not in self._tasks:
            raise ValueError(
                f"the encoder has no features for the task {task!r}; its tasks are {', '.join(self._tasks)}"
            )
        return self._tasks[task]
