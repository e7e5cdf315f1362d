"""The scorer whose logits are a part of the head plus a part of the tail (RIN, Sun et al. 2020, Eq. 9-10)."""

import math

import torch
from torch import Tensor, nn

from relx.data.sizes import require_sizes
from relx.heads.pair_scorers.scorer import Cells, PairScorer, logit
from relx.heads.pair_scorers.softplus import blocks_above, softplus_of_sums
from relx.registry import Injected


@PairScorer.register("additive")
class AdditivePairScorer(PairScorer):
    """W_p [relu(W_m h); relu(W_r h')] + b (Sun et al. 2020), which is a(h) + b(h'): no table is ever needed.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    ``bias`` is where the logits of all relations start.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.relations = relations
        self.head_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.tail_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.head_output = nn.Linear(hidden_size, relations)
        self.tail_output = nn.Linear(hidden_size, relations, bias=False)
        nn.init.constant_(self.head_output.bias, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, relations]."""
        return self._heads(inputs).unsqueeze(2) + self._tails(inputs).unsqueeze(1)

    def best(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The greatest tail part serves every head: max_j (a_i + b_j) = a_i + max_j b_j."""
        return self._heads(inputs) + _masked(self._tails(inputs), mask).amax(dim=1, keepdim=True)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """The same sum as every scorer's, mostly in closed form."""
        heads, tails, cells = self._heads(inputs), self._tails(inputs), Cells.unpadded(gold)
        of_heads = heads[cells.sentence, cells.head, cells.relation]
        of_tails = tails[cells.sentence, cells.tail, cells.relation]
        return softplus_of_sums(_masked(heads, mask), _masked(tails, mask)) - of_heads.sum() - of_tails.sum()

    def above(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[Cells, Tensor]:
        """Only relations whose greatest logit in a sentence reaches the threshold are looked at."""
        heads, tails = _masked(self._heads(inputs), mask), _masked(self._tails(inputs), mask)
        sentence, relation = blocks_above(heads, tails, logit(threshold)).nonzero(as_tuple=True)
        table = heads[sentence, :, relation].unsqueeze(2) + tails[sentence, :, relation].unsqueeze(1)
        block, head, tail = (table >= logit(threshold)).nonzero(as_tuple=True)
        return Cells(sentence[block], head, tail, relation[block]), table[block, head, tail].sigmoid()

    def _heads(self, inputs: Tensor) -> Tensor:
        return self.head_output(torch.relu(self.head_hidden(inputs)))

    def _tails(self, inputs: Tensor) -> Tensor:
        return self.tail_output(torch.relu(self.tail_hidden(inputs)))


def _masked(parts: Tensor, mask: Tensor) -> Tensor:
    return parts.masked_fill(~mask.unsqueeze(-1), -math.inf)
