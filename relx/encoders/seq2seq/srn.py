"""SRN: the selection recurrent network of Cascade-SRN (Wang et al. 2022, section 3.3 and appendix F)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from relx.encoders.kernels.gated_recurrence import BackwardSteps, Cell, ForwardSteps
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.memory_encoder import MemoryEncoder
from relx.registry import Injected

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


@Seq2SeqEncoder.register("srn")
class SRNEncoder(MemoryEncoder):
    """An LSTM whose cell is made of a memory for each set of ``tasks`` (Wang et al. 2022, Eq. 1-10).

    [batch, length, input_dim] -> [batch, length, memories * hidden_size], twice that when ``bidirectional``. Of the
    tasks e, s and o the memories come in the order e, s, es, o, eo, so, eso; a task's view are those that it is in. The
    gate of a set is the product of its tasks' gates, and that of a single task leaves out what it shares: rho_e
    (1 - rho_s) (1 - rho_o), which is Eq. 5 for three tasks and Eq. 17 for two. The gates of the candidate and those of
    the history have weights of their own. ``dropconnect`` drops weights between states.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        hidden_size: int,
        tasks: list[str] | None = None,
        bidirectional: bool = False,
        dropconnect: float = 0.0,
    ) -> None:
        super().__init__()
        names = ["entity", "subject", "object"] if tasks is None else tasks
        self.make(SRNCell(len(names)), names, input_dim, hidden_size, bidirectional, dropconnect)


class SRNCell(Cell):
    """The sums of a step: forget gate, output gate, the tasks' gates for the candidate, those for the history, c^."""

    exclusive = True

    def __init__(self, tasks: int) -> None:
        self.tasks, self.blocks = tasks, 2 * tasks + 3

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """The steps."""
        return SRNForwardSteps(sums, values)

    def backward(self, kept: Sequence[Tensor], of_sums: Tensor) -> BackwardSteps:
        """The steps back."""
        return SRNBackwardSteps(of_sums, *kept)


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

    def __init__(self, of_sums: Tensor, sigmoids: Tensor, cells: Tensor) -> None:
        forget, output, before, squashed = sigmoids[:, 0], sigmoids[:, 1], cells[:-1], cells[1:].tanh()
        self.values = torch.stack((sigmoids[:, -1] * 2 - 1, forget * before), dim=1)
        self.gates, self.states = _gates(sigmoids), output * squashed
        self.slope = torch.addcmul(output, self.states, squashed, value=-1).unbind(0)
        self.of_cells, self.of_before = torch.empty_like(squashed), torch.zeros_like(cells[0])
        self.of_cell, self.of_sigmoids = self.of_cells.unbind(0), torch.empty_like(sigmoids[0])
        self.of_forget, self.of_output, self.of_candidate = (self.of_sigmoids[block] for block in (0, 1, -1))
        self.of_gates = _gates(self.of_sigmoids[None])[0]
        self.sigmoids, self.forget = sigmoids.unbind(0), forget.unbind(0)
        self.before, self.squashed = before.unbind(0), squashed.unbind(0)
        self.of_sums = of_sums.transpose(1, 2).unbind(0)

    def through_state(self, step: int, of_state: Tensor) -> None:
        """Eq. 9."""
        torch.mul(of_state, self.squashed[step], out=self.of_output)
        torch.addcmul(self.of_before, of_state, self.slope[step], out=self.of_cell[step])

    def through_sums(self, step: int, of_candidate: Tensor, of_history: Tensor) -> None:
        """Eq. 1-3."""
        torch.mul(of_candidate, 4, out=self.of_candidate)  # once for each factor 2 of its tanh
        torch.mul(of_history, self.before[step], out=self.of_forget)
        torch.mul(of_history, self.forget[step], out=self.of_before)
        sigmoid_backward(self.of_sigmoids, self.sigmoids[step], grad_input=self.of_sums[step])


def _gates(sigmoids: Tensor) -> Tensor:
    """[steps, blocks, batch, d] -> [steps, 2, tasks, batch, d]."""
    return sigmoids[:, 2:-1].unflatten(1, (2, -1))
