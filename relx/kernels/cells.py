"""The fast steps of SRN and of the partition filter, forward and backward; ``seq2seq`` holds their equations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from relx.kernels.partitioned_recurrence import BackwardSteps, Cell, ForwardSteps

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class SRNCell(Cell):
    """The sums of a step: forget gate, output gate, the tasks' gates for the candidate, those for the history, c^."""

    exclusive = True

    def __init__(self, tasks: int) -> None:
        self.tasks, self.blocks = tasks, 2 * tasks + 3

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """Return the steps."""
        return SRNForwardSteps(sums, values)

    def backward(self, kept: Sequence[Tensor], grad_sums: Tensor) -> BackwardSteps:
        """Return the steps back."""
        return SRNBackwardSteps(grad_sums, *kept)


class SRNForwardSteps(ForwardSteps):
    """Keeps the sigmoids [steps, blocks, batch, d] and the cells from c_0 on [1 + steps, batch, d].

    The candidate takes part in the sigmoids: tanh(x) = 2 sigmoid(2x) - 1.
    """

    def __init__(self, sums: Tensor, values: Tensor) -> None:
        steps, batch, blocks, size = sums.shape
        sigmoids, cells = sums.new_empty(steps, blocks, batch, size), sums.new_zeros(1 + steps, batch, size)
        self.kept, self.gates = (sigmoids, cells), _gates(sigmoids)
        self.sums, self.candidate_sums = sums.transpose(1, 2).unbind(0), sums[:, :, -1].unbind(0)
        self.sigmoids, self.candidates = sigmoids.unbind(0), sigmoids[:, -1].unbind(0)
        self.forget, self.output = (gate.unbind(0) for gate in sigmoids[:, :2].unbind(1))
        self.before, self.cells = cells[:-1].unbind(0), cells[1:].unbind(0)
        self.candidate, self.history = values
        self.h, self.minus_one = torch.empty_like(cells[0]), sums.new_tensor(-1)

    def activate(self, step: int) -> None:
        """Eq. 1-3."""
        self.candidate_sums[step].mul_(2)
        torch.sigmoid(self.sums[step], out=self.sigmoids[step])
        torch.add(self.minus_one, self.candidates[step], alpha=2, out=self.candidate)
        torch.mul(self.forget[step], self.before[step], out=self.history)

    def state(self, step: int) -> Tensor:
        """Eq. 9."""
        torch.tanh(self.cells[step], out=self.h)
        return self.h.mul_(self.output[step])


class SRNBackwardSteps(BackwardSteps):
    """Made from what the steps kept."""

    def __init__(self, grad_sums: Tensor, sigmoids: Tensor, cells: Tensor) -> None:
        forget, output, before, squashed = sigmoids[:, 0], sigmoids[:, 1], cells[:-1], cells[1:].tanh()
        self.values = torch.stack((sigmoids[:, -1] * 2 - 1, forget * before), dim=1)
        self.gates, self.states = _gates(sigmoids), output * squashed
        self.slope = torch.addcmul(output, self.states, squashed, value=-1).unbind(0)
        self.grad_cells, self.grad_before = torch.empty_like(squashed), torch.zeros_like(cells[0])
        self.grad_cell, self.grad_sigmoids = self.grad_cells.unbind(0), torch.empty_like(sigmoids[0])
        self.grad_forget, self.grad_output, self.grad_candidate = (self.grad_sigmoids[block] for block in (0, 1, -1))
        self.grad_gates = _gates(self.grad_sigmoids[None])[0]
        self.sigmoids, self.forget = sigmoids.unbind(0), forget.unbind(0)
        self.before, self.squashed = before.unbind(0), squashed.unbind(0)
        self.grad_sums = grad_sums.transpose(1, 2).unbind(0)

    def through_state(self, step: int, grad_state: Tensor) -> None:
        """Eq. 9."""
        torch.mul(grad_state, self.squashed[step], out=self.grad_output)
        torch.addcmul(self.grad_before, grad_state, self.slope[step], out=self.grad_cell[step])

    def through_sums(self, step: int, grad_candidate: Tensor, grad_history: Tensor) -> None:
        """Eq. 1-3."""
        torch.mul(grad_candidate, 4, out=self.grad_candidate)  # once for each factor 2 of its tanh
        torch.mul(grad_history, self.before[step], out=self.grad_forget)
        torch.mul(grad_history, self.forget[step], out=self.grad_before)
        sigmoid_backward(self.grad_sigmoids, self.sigmoids[step], grad_input=self.grad_sums[step])


def _gates(sigmoids: Tensor) -> Tensor:
    """Return the sigmoids of the gates: [steps, blocks, batch, d] -> [steps, 2, tasks, batch, d]."""
    return sigmoids[:, 2:-1].unflatten(1, (2, -1))


class PartitionFilterCell(Cell):
    """The sums of a step: e and r for the candidate, e and r for the history, the candidate.

    The filter adds what is shared to the partition of a task: mu_e = rho_e + rho_s is the sum of the values times e
    alone, so that the partitions mu_e, mu_r and mu_s are products of the gates e and r.
    """

    tasks, blocks, exclusive = 2, 5, False

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """Return the steps."""
        return PartitionForwardSteps(sums, values)

    def backward(self, kept: Sequence[Tensor], grad_sums: Tensor) -> BackwardSteps:
        """Return the steps back."""
        return PartitionBackwardSteps(grad_sums, *kept)


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
        """Compute the gates by cumulated softmax, and the candidate."""
        torch.softmax(self.gate_sums[step], dim=-1, out=self.shares[step])
        self.cumulated.write(step)
        torch.tanh(self.candidate_sums[step], out=self.candidates[step])
        self.values.copy_(self.all_values[step])

    def state(self, step: int) -> Tensor:
        """h_t = tanh(c_t)."""
        return torch.tanh(self.cells[step], out=self.h)


class PartitionBackwardSteps(BackwardSteps):
    """Made from what the steps kept."""

    def __init__(self, grad_sums: Tensor, values: Tensor, shares: Tensor) -> None:
        self.values, self.states, self.shares = values, values[1:, 1].tanh(), shares.unbind(0)
        self.cumulated = CumulatedGates(shares)
        self.gates = self.cumulated.of_steps
        self.slope = torch.addcmul(self.cumulated.one, self.states, self.states, value=-1).unbind(0)
        self.grad_cells, self.grad_before = torch.empty_like(self.states), torch.zeros_like(values[0, 0])
        self.grad_cell, self.candidate = self.grad_cells.unbind(0), values[:, 0].unbind(0)
        self.grad_gates = torch.empty_like(self.gates[0])
        self.grad_falling, self.grad_all_gates = self.grad_gates[:, 1], self.grad_gates.flatten(0, 1)
        self.grad_shares, self.mean = torch.empty_like(shares[0]), torch.empty_like(shares[0, ..., :1])
        grad_sums = grad_sums.transpose(1, 2)
        self.grad_gate_sums, self.grad_candidate_sums = grad_sums[:, :-1].unbind(0), grad_sums[:, -1].unbind(0)

    def recall(self, step: int) -> None:
        """Recompute the gates."""
        self.cumulated.write(step)

    def through_state(self, step: int, grad_state: Tensor) -> None:
        """h_t = tanh(c_t)."""
        torch.addcmul(self.grad_before, grad_state, self.slope[step], out=self.grad_cell[step])

    def through_sums(self, step: int, grad_candidate: Tensor, grad_history: Tensor) -> None:
        """Propagate the gradients to the sums.

        The gradient of cumsum is a sum from the end: the total minus the sum of the preceding neurons. The total is
        omitted, because softmax cancels a term that is common to all neurons.
        """
        self.grad_falling.neg_()
        torch.cumsum(self.grad_all_gates, dim=-1, out=self.grad_shares)
        torch.sub(self.grad_all_gates, self.grad_shares, out=self.grad_shares)
        self.grad_shares.mul_(self.shares[step])
        torch.sum(self.grad_shares, dim=-1, keepdim=True, out=self.mean)
        torch.addcmul(self.grad_shares, self.shares[step], self.mean, value=-1, out=self.grad_gate_sums[step])
        tanh_backward(grad_candidate, self.candidate[step], grad_input=self.grad_candidate_sums[step])
        self.grad_before.copy_(grad_history)
