"""Encoders whose features are memories of sets of tasks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from relx.encoders.kernels.gate_products import tasks_of
from relx.encoders.kernels.gated_recurrence import Cell, MemoryRecurrence
from relx.encoders.seq2seq.directions import join, read_backwards
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.task_features import TaskFeatures
from relx.utils.argument_checks import require_shares, require_sizes


class MemoryEncoder(Seq2SeqEncoder):
    """Reads a sentence with a recurrence over memories; a task's view are the memories of all sets that it is in."""

    def make(
        self,
        cell: Cell,
        tasks: Sequence[str],
        input_dim: int,
        hidden_size: int,
        bidirectional: bool,
        dropconnect: float,
    ) -> None:
        """Make the recurrences. Raises ValueError for tasks, sizes or probabilities that make no sense."""
        require_sizes(hidden_size=hidden_size)
        require_shares(dropconnect=dropconnect)
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError("tasks must name at least one, and none twice")
        directions = 2 if bidirectional else 1
        self.output_dim = directions * cell.sets * hidden_size
        self.task_views = TaskFeatures(self.output_dim, _ranges(tasks, directions * cell.sets, cell.sets, hidden_size))
        self.forwards = MemoryReader(cell, input_dim, hidden_size, dropconnect)
        self.backwards = MemoryReader(cell, input_dim, hidden_size, dropconnect) if bidirectional else None

    @property
    def task_features(self) -> TaskFeatures:
        """The memories that each task has a part in."""
        return self.task_views

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim], the memories of a direction in their order."""
        backward = None
        if self.backwards is not None:
            read = self.backwards
            backward = read_backwards(lambda mirrored: read(mirrored, mask), inputs, mask)
        return join(self.forwards(inputs, mask), backward, "concatenated")


class MemoryReader(nn.Module):
    """One direction: the weights of a recurrence. ``dropconnect`` drops weights of the state (Wan et al. 2013)."""

    def __init__(self, cell: Cell, input_dim: int, size: int, dropconnect: float) -> None:
        super().__init__()
        self.cell = cell
        self.from_input = nn.Linear(input_dim, cell.blocks * size)
        self.from_state = nn.Linear(size, cell.blocks * size, bias=False)
        self.to_cell = nn.Linear(cell.sets * size, size)
        self.dropconnect = nn.Dropout(dropconnect)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the memories, [batch, length, sets * size], zero at padding.

        Under autocast (``trainer.precision: bf16``) only the products are taken in bfloat16, where a processor can.
        """
        from_input, to_cell = self.from_input, self.to_cell
        from_state = self.dropconnect(self.from_state.weight)
        halves = torch.is_autocast_enabled(inputs.device.type)
        with torch.autocast(inputs.device.type, enabled=False):
            memories = MemoryRecurrence.apply(
                self.cell,
                inputs.to(from_state.dtype),
                mask,
                from_input.weight,
                from_input.bias,
                from_state,
                to_cell.weight,
                to_cell.bias,
                halves,
            )
        return memories.flatten(2)


def _ranges(tasks: Sequence[str], memories: int, sets: int, size: int) -> dict[str, list[tuple[int, int]]]:
    """The features of each task's memories."""
    return {
        name: [(place * size, (place + 1) * size) for place in range(memories) if task in tasks_of(place % sets + 1)]
        for task, name in enumerate(tasks)
    }
