"""Encoders whose features are partitions, one for each set of tasks: what ``srn`` and ``partition_filter`` share."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder, TaskFeatures
from relx.encoders.seq2seq.lstm import read_both_directions
from relx.kernels.partitioned_recurrence import Cell, PartitionedRecurrence, tasks_of
from relx.utils.argument_checks import require_shares, require_sizes


class Direction(nn.Module):
    """Hold the weights of a recurrence in one direction.

    ``from_input`` and ``from_state`` give the sums inside the gates, W [h_{t-1}, x_t] + b, in blocks of size d.
    ``to_cell`` makes the cell from all partitions. ``dropconnect`` drops weights of the state, the same ones at every
    token of a batch (Wan et al. 2013).
    """

    def __init__(self, cell: Cell, input_dim: int, size: int, dropconnect: float) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, cell.blocks * size)
        self.from_state = nn.Linear(size, cell.blocks * size, bias=False)
        self.to_cell = nn.Linear(cell.partitions * size, size)
        self.dropconnect = nn.Dropout(dropconnect)


class PartitionedEncoder(Seq2SeqEncoder):
    """Encode a sentence as partitions; a task reads the partitions of all sets of tasks that it is in.

    A subclass writes ``reference_direction``, the equations of its paper for one direction, and names the ``cell`` by
    which ``forward`` computes the same fast. ``reference`` joins the directions.
    """

    def __init__(
        self,
        cell: Cell,
        tasks: Sequence[str],
        input_dim: int,
        hidden_size: int,
        bidirectional: bool,
        dropconnect: float,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        require_shares(dropconnect=dropconnect)
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError("tasks must name at least one task, and each task once")
        self.cell = cell
        partitions = cell.partitions * (2 if bidirectional else 1)
        self.output_dim = partitions * hidden_size
        ranges = {
            name: [
                (place * hidden_size, (place + 1) * hidden_size)
                for place in range(partitions)
                if task in tasks_of(place % cell.partitions + 1)
            ]
            for task, name in enumerate(tasks)
        }
        self._task_features = TaskFeatures(self.output_dim, ranges)
        self.forwards = Direction(cell, input_dim, hidden_size, dropconnect)
        self.backwards = Direction(cell, input_dim, hidden_size, dropconnect) if bidirectional else None

    @property
    def task_features(self) -> TaskFeatures:
        """For each task the partitions of the sets that it is in."""
        return self._task_features

    def reference_direction(self, x: Tensor, weights: Direction) -> Tensor:
        """Read in one direction: [batch, length, input_dim] -> tanh of its partitions, [batch, length, count * d]."""
        raise NotImplementedError

    def reference(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Encode by the equations, as ``forward`` does; autograd derives the gradient. Slower."""
        return self._read(self.reference_direction, inputs, mask) * mask.unsqueeze(-1)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim], the partitions of one direction after another."""
        return self._read(partial(_run, self.cell, mask), inputs, mask)

    def _read(self, read: Callable[[Tensor, Direction], Tensor], inputs: Tensor, mask: Tensor) -> Tensor:
        ahead, back = self.forwards, self.backwards
        from_end = None if back is None else lambda rows: read(rows, back)
        return read_both_directions(lambda rows: read(rows, ahead), from_end, inputs, mask)


def _run(cell: Cell, mask: Tensor, inputs: Tensor, weights: Direction) -> Tensor:
    """[batch, length, input_dim] -> the partitions, [batch, length, partitions * d], zero at padding.

    Under autocast (``trainer.precision: bf16``) only the matrix products are taken in bfloat16, where a CPU can.
    """
    from_input, to_cell = weights.from_input, weights.to_cell
    from_state = weights.dropconnect(weights.from_state.weight)
    bf16_matmul = torch.is_autocast_enabled(inputs.device.type)
    with torch.autocast(inputs.device.type, enabled=False):
        partitions = PartitionedRecurrence.apply(
            cell,
            inputs.to(from_state.dtype),
            mask,
            from_input.weight,
            from_input.bias,
            from_state,
            to_cell.weight,
            to_cell.bias,
            bf16_matmul,
        )
    return partitions.flatten(2)
