"""The encoder of the partition filter network (PFN, Yan et al. 2021, section 3.2)."""

import torch
from torch import Tensor
from torch.nn.functional import linear

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.partitioned import Direction, PartitionedEncoder
from relx.kernels.cells import PartitionFilterCell
from relx.registry import Injected


@Seq2SeqEncoder.register("partition_filter")
class PartitionFilterEncoder(PartitionedEncoder):
    """Partition the neurons of a recurrent cell into those of entities, of relations and of both (PFN, section 3.2).

    [batch, length, input_dim] -> h_e, h_r, h_s [batch, length, 3 * hidden_size], twice that when ``bidirectional``. The
    task ``entity`` reads h_e and h_s, ``relation`` h_r and h_s. ``reference`` is the paper's forward pass; ``forward``
    computes the same with the kernel. Checked against the authors' ``model/pfn.py``: five blocks of sums with one bias,
    gates of their own for the candidate and for the history, one linear layer from the three partitions to the cell,
    h = tanh(c), one DropConnect mask for a batch. There e falls and r rises along the neurons, which only reverses
    their order.

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size d of the cell and of each partition.
        bidirectional: Read each sentence from its end too, with weights of its own.
        dropconnect: Share of the weights between states that is dropped in training.
    """

    def __init__(
        self, input_dim: Injected[int], hidden_size: int, bidirectional: bool = False, dropconnect: float = 0.0
    ) -> None:
        tasks = ["entity", "relation"]
        super().__init__(PartitionFilterCell(), tasks, input_dim, hidden_size, bidirectional, dropconnect)

    def reference_direction(self, x: Tensor, weights: Direction) -> Tensor:
        """Compute Section 3.2: x [batch, length, input_dim] -> h_e, h_r and h_s, [batch, length, 3 * d]."""
        W_h = weights.dropconnect(weights.from_state.weight)  # [5 * d, d]
        h = c = x.new_zeros(len(x), W_h.shape[1])  # [batch, d]
        outputs = []
        for x_t in x.unbind(dim=1):  # [batch, input_dim]
            # Linear([x_t; h_{t-1}]); each symbol is [batch, d].
            sums = weights.from_input(x_t) + linear(h, W_h)
            e_new, r_new, e_old, r_old, c_new = sums.chunk(5, dim=-1)
            c_new = torch.tanh(c_new)  # the candidate c~_t; the history is c_{t-1}
            # Partition: gates e and r for each of both, cummax being the cumulative sum of the softmax.
            e_new, r_new = cummax(e_new), 1 - cummax(r_new)
            e_old, r_old = cummax(e_old), 1 - cummax(r_old)
            s_new, s_old = e_new * r_new, e_old * r_old  # neurons of both tasks
            rho_e = (e_old - s_old) * c + (e_new - s_new) * c_new
            rho_r = (r_old - s_old) * c + (r_new - s_new) * c_new
            rho_s = s_old * c + s_new * c_new
            # Filter: each task adds what is shared, and nothing of the other task.
            mu_e, mu_r, mu_s = rho_e + rho_s, rho_r + rho_s, rho_s
            mu = torch.cat((mu_e, mu_r, mu_s), dim=-1)  # [batch, 3 * d]
            c = weights.to_cell(mu)
            h = torch.tanh(c)
            outputs.append(torch.tanh(mu))
        return torch.stack(outputs, dim=1)


def cummax(x: Tensor) -> Tensor:
    """cumsum(softmax(x)): rises from 0 to 1 along the neurons."""
    return torch.cumsum(torch.softmax(x, dim=-1), dim=-1)
