"""The partition filter network's encoder (Yan et al. 2021, section 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from relx.encoders.kernels.gated_recurrence import BackwardSteps, Cell, ForwardSteps
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.memory_encoder import MemoryEncoder
from relx.registry import Injected

tanh_backward = torch.ops.aten.tanh_backward.grad_input


@Seq2SeqEncoder.register("partition_filter")
class PartitionFilterEncoder(MemoryEncoder):
    """Partitions the cell's neurons into those of entities, of relations and of both (Yan et al. 2021).

    [batch, length, input_dim] -> [batch, length, 3 * hidden_size], twice that when ``bidirectional``: h_e, h_r, h_s. A
    gate rises from 0 to 1 along the neurons, e = cumsum(softmax(...)), or falls, r = 1 - cumsum(softmax(...)), with
    weights of its own for the candidate and for the history. The views are ``entity``, h_e and h_s, and ``relation``,
    h_r and h_s. ``dropconnect`` drops weights between states.
    """

    def __init__(
        self, input_dim: Injected[int], hidden_size: int, bidirectional: bool = False, dropconnect: float = 0.0
    ) -> None:
        super().__init__()
        tasks = ["entity", "relation"]
        self.make(PartitionFilterCell(), tasks, input_dim, hidden_size, bidirectional, dropconnect)


class PartitionFilterCell(Cell):
    """The sums of a step: e and r for the candidate, e and r for the history, the candidate.

    The filter adds what is shared to the partition of a task: mu_e = rho_e + rho_s is the sum of the values times e
    alone, so that the memories mu_e, mu_r and mu_s are products of the gates e and r as they stand.
    """

    tasks, blocks, exclusive = 2, 5, False

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """The steps."""
        return PartitionForwardSteps(sums, values)

    def backward(self, kept: Sequence[Tensor], of_sums: Tensor) -> BackwardSteps:
        """The steps back."""
        return PartitionBackwardSteps(of_sums, *kept)


class CumulatedGates:
    """e = cumsum(shares) and r = 1 - cumsum(shares) of one step, from the softmax [steps, 4, batch, d] of all."""

    def __init__(self, shares: Tensor) -> None:
        self.now, self.one = torch.empty_like(shares[0]), shares.new_tensor(1)
        self.shares, self.falling = shares.unbind(0), self.now[1::2]
        self.of_steps = self.now.unflatten(0, (2, 2)).expand(len(shares), -1, -1, -1, -1)

    def write(self, step: int) -> None:
        """Write those of a step."""
        torch.cumsum(self.shares[step], dim=-1, out=self.now)
        torch.sub(self.one, self.falling, out=self.falling)


class PartitionForwardSteps(ForwardSteps):
    """Keeps the values [1 + steps, 2, batch, d], the last of them but a history, and the softmax of the gates."""

    def __init__(self, sums: Tensor, values: Tensor) -> None:
        steps, batch, blocks, size = sums.shape
        all_values, shares = sums.new_zeros(1 + steps, 2, batch, size), sums.new_empty(steps, blocks - 1, batch, size)
        self.kept = all_values, shares
        self.cumulated = CumulatedGates(shares)
        self.gates = self.cumulated.of_steps
        sums = sums.transpose(1, 2)
        self.gate_sums, self.candidate_sums = sums[:, :-1].unbind(0), sums[:, -1].unbind(0)
        self.shares, self.all_values, self.values = shares.unbind(0), all_values.unbind(0), values
        self.candidates, self.cells = all_values[:-1, 0].unbind(0), all_values[1:, 1].unbind(0)
        self.h = torch.empty_like(values[0])

    def activate(self, step: int) -> None:
        """The gates by cumulated softmax, and the candidate."""
        torch.softmax(self.gate_sums[step], dim=-1, out=self.shares[step])
        self.cumulated.write(step)
        torch.tanh(self.candidate_sums[step], out=self.candidates[step])
        self.values.copy_(self.all_values[step])

    def state(self, step: int) -> Tensor:
        """h_t = tanh(c_t)."""
        return torch.tanh(self.cells[step], out=self.h)


class PartitionBackwardSteps(BackwardSteps):
    """Made from what the steps kept."""

    def __init__(self, of_sums: Tensor, values: Tensor, shares: Tensor) -> None:
        self.values, self.states, self.shares = values, values[1:, 1].tanh(), shares.unbind(0)
        self.cumulated = CumulatedGates(shares)
        self.gates = self.cumulated.of_steps
        self.slope = torch.addcmul(self.cumulated.one, self.states, self.states, value=-1).unbind(0)
        self.of_cells, self.of_before = torch.empty_like(self.states), torch.zeros_like(values[0, 0])
        self.of_cell, self.candidate = self.of_cells.unbind(0), values[:, 0].unbind(0)
        self.of_gates = torch.empty_like(self.gates[0])
        self.of_falling, self.of_all_gates = self.of_gates[:, 1], self.of_gates.flatten(0, 1)
        self.of_shares, self.mean = torch.empty_like(shares[0]), torch.empty_like(shares[0, ..., :1])
        of_sums = of_sums.transpose(1, 2)
        self.of_gate_sums, self.of_candidate_sums = of_sums[:, :-1].unbind(0), of_sums[:, -1].unbind(0)

    def recall(self, step: int) -> None:
        """The gates."""
        self.cumulated.write(step)

    def through_state(self, step: int, of_state: Tensor) -> None:
        """h_t = tanh(c_t)."""
        torch.addcmul(self.of_before, of_state, self.slope[step], out=self.of_cell[step])

    def through_sums(self, step: int, of_candidate: Tensor, of_history: Tensor) -> None:
        """The gradient of cumsum is a sum from the end; softmax takes away what is common to all neurons."""
        self.of_falling.neg_()
        torch.cumsum(self.of_all_gates, dim=-1, out=self.of_shares)
        torch.sub(self.of_all_gates, self.of_shares, out=self.of_shares)
        self.of_shares.mul_(self.shares[step])
        torch.sum(self.of_shares, dim=-1, keepdim=True, out=self.mean)
        torch.addcmul(self.of_shares, self.shares[step], self.mean, value=-1, out=self.of_gate_sums[step])
        tanh_backward(of_candidate, self.candidate[step], grad_input=self.of_candidate_sums[step])
        self.of_before.copy_(of_history)
