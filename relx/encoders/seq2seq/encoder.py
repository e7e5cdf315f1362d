"""The kind of component that encodes a sequence of vectors as a sequence, the identity, and a feature of a sequence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.registry import Injected, Registrable


class TaskFeatures:
    """Select the features of an encoded token that each task reads; without tasks, every task reads all of them.

    ``tasks`` gives the ranges of features (start, end) of each task, which are read one after the other. The ranges of
    one task do not overlap; a range that tasks share is the same in each of them.
    """

    def __init__(self, size: int, tasks: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> None:
        self._all = [(0, size)]
        self._tasks = tasks

    def own(self) -> "TaskFeatures":
        """Keep for each task only the features that no other task reads; all of them without tasks."""
        if self._tasks is None:
            return self
        readers = Counter(chain.from_iterable(self._tasks.values()))
        alone = {task: [part for part in ranges if readers[part] == 1] for task, ranges in self._tasks.items()}
        return TaskFeatures(self._all[0][1], alone)

    def size(self, task: str) -> int:
        """Count the features that a task reads. Raises ValueError for a task that the encoder does not know."""
        return sum(end - start for start, end in self._ranges(task))

    def select(self, encoded: Tensor, task: str) -> Tensor:
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


class Seq2SeqEncoder(nn.Module, Registrable, kind="seq2seq_encoder", injects=("input_dim",)):
    """Encode each token in its sentence. The result for a sentence does not depend on the batch around it.

    Most encoders write ``forward`` only. One that reads more of a sentence than its vectors, such as a dependency tree,
    writes ``index`` and ``encode`` instead; one with separate features for each task overrides ``task_features``.
    """

    output_dim: int

    @property
    def task_features(self) -> TaskFeatures:
        """The part of the output that each task reads."""
        return TaskFeatures(self.output_dim)

    def index(self, example: Example) -> Arrays:
        """Return the arrays that the encoder needs of a sentence besides its vectors, by names of its own."""
        return {}

    def encode(self, inputs: Tensor, batch: Batch) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim], zero at padding."""
        return self(inputs, batch.mask)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] and the mask [batch, length] -> [batch, length, output_dim], zero at padding."""
        raise NotImplementedError


@Seq2SeqEncoder.register("pass_through")
class PassThroughEncoder(Seq2SeqEncoder):
    """Return the vectors unchanged: [batch, length, input_dim] -> the same, zero at padding.

    Args:
        input_dim: Size of the vectors.
    """

    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the same."""
        return inputs * mask.unsqueeze(-1)


class GlobalFeature(nn.Module):
    """Compute h_g = max_t tanh(W h_t + b) over the real tokens t of a sentence (PFN, Yan et al. 2021, section 3.3)."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, hidden_size)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Give each token the feature of its sentence: [batch, length, input_dim] -> [batch, length, hidden_size]."""
        features = self.linear(inputs).tanh().masked_fill(~mask.unsqueeze(-1), -1)  # tanh is above -1
        return features.amax(dim=1, keepdim=True).expand(-1, inputs.shape[1], -1)
