"""SRN, the selection recurrent network of Cascade-SRN (Wang et al. 2022, section 3.3 and appendix F)."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import linear

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.partitioned import Direction, PartitionedEncoder
from relx.kernels.cells import SRNCell
from relx.kernels.partitioned_recurrence import tasks_of
from relx.registry import Injected


@Seq2SeqEncoder.register("srn")
class SRNEncoder(PartitionedEncoder):
    """Encode with an LSTM whose cell has one memory for each set of tasks (Cascade-SRN, Eq. 1-10).

    [batch, length, input_dim] -> [batch, length, memories * hidden_size], twice that when ``bidirectional``. For the
    tasks e, s and o the memories come in the order e, s, es, o, eo, so, eso. A task reads the memories of all sets that
    it is in. ``reference`` is the paper's forward pass for any number of tasks; ``forward`` computes the same with the
    kernel. No public implementation exists; docs/systems/cascade.md lists the choices that the paper leaves open.

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size d of the cell and of each memory.
        tasks: Names of the tasks, by default entity, subject and object.
        bidirectional: Read each sentence from its end too, with weights of its own.
        dropconnect: Share of the weights between states that is dropped in training.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        hidden_size: int,
        tasks: list[str] | None = None,
        bidirectional: bool = False,
        dropconnect: float = 0.0,
    ) -> None:
        names = ["entity", "subject", "object"] if tasks is None else tasks
        super().__init__(SRNCell(len(names)), names, input_dim, hidden_size, bidirectional, dropconnect)

    def reference_direction(self, x: Tensor, weights: Direction) -> Tensor:
        """Eq. 1-10: x [batch, length, input_dim] -> h_e, h_s, h_es, ... [batch, length, memories * d]."""
        tasks = self.cell.tasks
        W_h = weights.dropconnect(weights.from_state.weight)  # [(2 tasks + 3) * d, d]
        h = c = x.new_zeros(len(x), W_h.shape[1])  # [batch, d]
        outputs = []
        for x_t in x.unbind(dim=1):  # [batch, input_dim]
            # W_1 [h_{t-1}, x_t] and W_2 [h_{t-1}, x_t] with their biases; each symbol is [batch, d].
            sums = weights.from_input(x_t) + linear(h, W_h)
            f, o, *rho, c_hat = sums.chunk(2 * tasks + 3, dim=-1)
            f, o, c_hat = torch.sigmoid(f), torch.sigmoid(o), torch.tanh(c_hat)  # Eq. 1
            c_tilde = f * c  # Eq. 2, from c_{t-1}
            rho = [torch.sigmoid(gate) for gate in rho]  # Eq. 3; c~ has a W_2 of its own
            g_hat, g_tilde = selection_gates(rho[:tasks]), selection_gates(rho[tasks:])  # Eq. 4-5
            s = [old * c_tilde + new * c_hat for old, new in zip(g_tilde, g_hat, strict=True)]  # Eq. 6-7
            c = weights.to_cell(torch.cat(s, dim=-1))  # Eq. 8
            h = o * torch.tanh(c)  # Eq. 9
            outputs.append(torch.tanh(torch.cat(s, dim=-1)))  # Eq. 10, [batch, memories * d]
        return torch.stack(outputs, dim=1)


def selection_gates(rho: Sequence[Tensor]) -> list[Tensor]:
    """Eq. 4-5, of two tasks Eq. 17: the master gates of e, s, o -> the gates of e, s, es, o, eo, so, eso.

    A shared gate is the product of its tasks' master gates. The gate of a task alone leaves out what the task shares:
    rho_e - g_es - g_eo + g_eso = rho_e (1 - rho_s) (1 - rho_o).
    """
    gates = []
    for number in range(1, 2 ** len(rho)):
        members = tasks_of(number)
        factors = [rho[task] for task in members]
        if len(members) == 1:
            factors += [1 - other for task, other in enumerate(rho) if task not in members]
        gates.append(reduce(torch.mul, factors))
    return gates
