"""The kind of component that scores every ordered pair of tokens for every relation."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.heads.pair_scorers.chunks import sum_in_chunks
from relx.registry import Registrable

# So many logits are made at a time: few enough for a processor's cache, and no table of a whole batch in memory.
LOGITS_AT_ONCE = 2**20


class Cells(NamedTuple):
    """Some cells of the table of logits: vectors of equal length, one number for each cell."""

    sentence: Tensor
    head: Tensor
    tail: Tensor
    relation: Tensor

    @classmethod
    def unpadded(cls, cells: Tensor) -> "Cells":
        """The cells (relation from 1, head, tail) of each sentence, [batch, most cells, 3]; relation 0 is padding."""
        sentence, place = cells[..., 0].nonzero(as_tuple=True)
        relation, head, tail = cells[sentence, place].unbind(dim=-1)
        return cls(sentence, head, tail, relation - 1)


class PairScorer(nn.Module, Registrable, kind="pair_scorer", injects=("input_dim", "relations")):
    """Gives each ordered pair of tokens, head and tail, a logit for each of so many ``relations``.

    Only ``forward`` has to be written. What is asked of the table is computed a few sentences at a time; a scorer
    whose form allows more overrides it.
    """

    relations: int
    is_sum = False
    """Whether a logit is f(head) + g(tail), which limits the pairs that can be returned together."""

    @property
    def width(self) -> int:
        """The most numbers that are held at once for each pair."""
        return self.relations

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the table of logits [batch, length, length, relations]."""
        raise NotImplementedError

    def of_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The logits of the same pairs, two vectors of tokens, in every sentence: -> [batch, pairs, relations]."""
        return self(inputs)[:, head, tail]

    def best(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The greatest logit of each head over the real tails: -> [batch, length, relations]; -inf without tokens."""
        # A copy of the first token in place of padding leaves every maximum as it is, and spares a masked table.
        filled = torch.where(mask.unsqueeze(-1), inputs, inputs[:, :1])
        best = torch.cat([_greatest(self(vectors)) for (vectors,) in self._chunks(filled)])
        return best.masked_fill(~mask[:, :1, None], -math.inf)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """Binary cross entropy summed over the pairs of real tokens and the relations: a scalar.

        ``gold`` holds each cell once, as ``Cells.unpadded`` reads it.
        """
        return sum_in_chunks(self._loss, (inputs, mask, gold), list(self.parameters()), self._at_once(inputs))

    def above(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[Cells, Tensor]:
        """The cells of real tokens whose probability is at least ``threshold``, and their probabilities."""
        found, start = [], 0
        for vectors, real in self._chunks(inputs, mask):
            table = self(vectors)
            cells = (table >= logit(threshold)).nonzero()
            cells = cells[_pairs(real)[tuple(cells[:, :3].T)]]
            found.append((cells + cells.new_tensor([start, 0, 0, 0]), table[tuple(cells.T)].sigmoid()))
            start += len(vectors)
        cells, probabilities = map(torch.cat, zip(*found, strict=True))
        return Cells(*cells.T), probabilities

    def _loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        table, cells = self(inputs), Cells.unpadded(gold)
        positive = table[cells.sentence, cells.head, cells.tail, cells.relation]
        return (F.softplus(table).sum(dim=-1) * _pairs(mask)).sum() - positive.sum()

    def _chunks(self, *rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(tensor.split(self._at_once(rows[0])) for tensor in rows), strict=True)

    def _at_once(self, inputs: Tensor) -> int:
        return max(1, LOGITS_AT_ONCE // max(1, inputs.shape[1] ** 2 * self.relations))


def logit(probability: float) -> float:
    """The logit of a probability between 0 and 1."""
    return math.log(probability / (1 - probability))


def _pairs(mask: Tensor) -> Tensor:
    return mask.unsqueeze(2) & mask.unsqueeze(1)


def _greatest(table: Tensor) -> Tensor:
    # Only ``max`` forgets the table until the backward pass, but ``amax`` is several times as fast.
    return table.max(dim=2).values if table.requires_grad else table.amax(dim=2)
