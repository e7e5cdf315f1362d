"""Scorers whose logits are a part of the head plus a part of the tail: no table is ever needed."""

import math

import torch
from torch import Tensor

from relx.heads.pair_scorers.scorer import Cells, PairScorer, logit
from relx.heads.pair_scorers.softplus import blocks_above, softplus_of_sums


class SumPairScorer(PairScorer):
    """a(h) + b(h'), bias included. It makes every question to the table a question to its parts.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    """

    is_sum = True

    def heads(self, inputs: Tensor) -> Tensor:
        """The part of each token as head: [..., input_dim] -> [..., relations]."""
        raise NotImplementedError

    def tails(self, inputs: Tensor) -> Tensor:
        """The part of each token as tail: [..., input_dim] -> [..., relations]."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, relations]."""
        return self.heads(inputs).unsqueeze(2) + self.tails(inputs).unsqueeze(1)

    def of_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The sums of these parts."""
        return self.heads(inputs).index_select(1, head) + self.tails(inputs).index_select(1, tail)

    def best(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The greatest tail part serves every head: max_j (a_i + b_j) = a_i + max_j b_j."""
        return self.heads(inputs) + _masked(self.tails(inputs), mask).amax(dim=1, keepdim=True)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """The same sum as every scorer's, mostly in closed form."""
        heads, tails, cells = self.heads(inputs), self.tails(inputs), Cells.unpadded(gold)
        of_heads = heads[cells.sentence, cells.head, cells.relation]
        of_tails = tails[cells.sentence, cells.tail, cells.relation]
        return softplus_of_sums(_masked(heads, mask), _masked(tails, mask)) - of_heads.sum() - of_tails.sum()

    def above(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[Cells, Tensor]:
        """Only relations whose greatest logit in a sentence reaches the threshold are looked at."""
        heads, tails = _masked(self.heads(inputs), mask), _masked(self.tails(inputs), mask)
        sentence, relation = blocks_above(heads, tails, logit(threshold)).nonzero(as_tuple=True)
        table = heads[sentence, :, relation].unsqueeze(2) + tails[sentence, :, relation].unsqueeze(1)
        block, head, tail = (table >= logit(threshold)).nonzero(as_tuple=True)
        return Cells(sentence[block], head, tail, relation[block]), table[block, head, tail].sigmoid()


def _masked(parts: Tensor, mask: Tensor) -> Tensor:
    # Added, since masked_fill is several times slower on a CPU; no gradient comes back from -inf.
    return parts + torch.where(mask, 0.0, -math.inf).to(parts.dtype).unsqueeze(-1)
