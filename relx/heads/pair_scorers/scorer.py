"""The kind of component that scores pairs of tokens, and the sums that it makes of a table of logits."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.spans import TableCells
from relx.kernels.pair_sums import sum_in_chunks
from relx.registry import Registrable

# So many logits are made at a time: few enough for a CPU's cache, and no table of a whole batch in memory.
LOGITS_AT_ONCE = 2**20


class PairScorer(nn.Module, Registrable, kind="pair_scorer", injects=("input_dim", "num_relations")):
    """Give each ordered pair of tokens, head i and tail j, a logit for each of ``num_relations`` relations.

    A scorer writes ``reference``, the equation for a pair, or ``forward``, the table of all pairs. All else is computed
    from the table, a few sentences at a time; a scorer whose form allows a shorter way overrides it.
    """

    num_relations: int
    is_sum = False
    """Whether a logit is f(head) + g(tail), which limits the pairs that can be returned together."""

    @property
    def width(self) -> int:
        """The most numbers that are held at once for each pair."""
        return self.num_relations

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """Score pairs by the paper's equation: heads and tails, [..., input_dim] each -> [..., num_relations]."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the table of logits [batch, length, length, num_relations]."""
        length = inputs.shape[1]
        h_i = inputs.unsqueeze(2).expand(-1, -1, length, -1)
        h_j = inputs.unsqueeze(1).expand(-1, length, -1, -1)
        return self.reference(h_i, h_j)

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """Score the same pairs, two vectors of tokens, in every sentence: -> [batch, pairs, num_relations]."""
        return self(inputs)[:, head, tail]

    def max_over_tails(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Return the greatest logit of each head over the tails in the mask: -> [batch, length, num_relations].

        It is -inf in a sentence without tokens.
        """
        # A copy of the first token in place of padding leaves every maximum as it is, and spares a masked table.
        filled = torch.where(mask.unsqueeze(-1), inputs, inputs[:, :1])
        greatest = torch.cat([_greatest(self(vectors)) for (vectors,) in self._chunks(filled)])
        return greatest.masked_fill(~mask[:, :1, None], -math.inf)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """Sum binary cross entropy over the pairs of tokens in the mask and the relations: a scalar.

        ``gold`` holds each cell once, as ``TableCells.unpadded`` reads it.
        """
        return sum_in_chunks(self._loss, (inputs, mask, gold), list(self.parameters()), self._at_once(inputs))

    def predict(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[TableCells, Tensor]:
        """Find the cells in the mask whose probability is at least ``threshold``, and their probabilities."""
        found, start = [], 0
        for vectors, of_chunk in self._chunks(inputs, mask):
            table = self(vectors)
            cells = (table >= logit(threshold)).nonzero()
            cells = cells[_pairs(of_chunk)[tuple(cells[:, :3].T)]]
            found.append((cells + cells.new_tensor([start, 0, 0, 0]), table[tuple(cells.T)].sigmoid()))
            start += len(vectors)
        cells, probs = map(torch.cat, zip(*found, strict=True))
        return TableCells(*cells.T), probs

    def _loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        table, cells = self(inputs), TableCells.unpadded(gold)
        positive = table[cells.sentence, cells.head, cells.tail, cells.relation]
        return (F.softplus(table).sum(dim=-1) * _pairs(mask)).sum() - positive.sum()

    def _chunks(self, *rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(tensor.split(self._at_once(rows[0])) for tensor in rows), strict=True)

    def _at_once(self, inputs: Tensor) -> int:
        return max(1, LOGITS_AT_ONCE // max(1, inputs.shape[1] ** 2 * self.num_relations))


def logit(probability: float) -> float:
    """Return the logit of a probability between 0 and 1."""
    return math.log(probability / (1 - probability))


def _pairs(mask: Tensor) -> Tensor:
    return mask.unsqueeze(2) & mask.unsqueeze(1)


def _greatest(table: Tensor) -> Tensor:
    # Only ``max`` forgets the table until the backward pass, but ``amax`` is several times as fast.
    return table.max(dim=2).values if table.requires_grad else table.amax(dim=2)


def probabilities_of_pairs(scorer: PairScorer, inputs: Tensor, pairs: TableCells) -> Tensor:
    """Compute the probabilities of all relations for some pairs, whatever their own relations: [pairs, relations]."""
    return logits_of_pairs(scorer, inputs, pairs).sigmoid()


def logits_of_pairs(scorer: PairScorer, inputs: Tensor, pairs: TableCells) -> Tensor:
    """Compute the logits of all relations for some pairs, whatever their own relations: [pairs, relations]."""
    first, second = torch.arange(2, device=inputs.device).split(1)
    at_once = max(1, LOGITS_AT_ONCE // max(2 * inputs.shape[-1], scorer.width))
    found = [
        scorer.score_pairs(torch.stack((inputs[row, head], inputs[row, tail]), dim=1), first, second)[:, 0]
        for row, head, tail in in_chunks(at_once, pairs.sentence, pairs.head, pairs.tail)
    ]
    return torch.cat(found)


def in_chunks(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors into parts of so many rows."""
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)
