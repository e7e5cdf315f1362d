"""Sums over the sentences of a batch whose intermediate results are too large to keep for the backward pass."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from relx.registry import Registrable


def sum_in_chunks(
    part: Callable[..., Tensor], rows: Sequence[Tensor], shared: Sequence[Tensor], rows_at_once: int
) -> Tensor:
    """The sum of ``part(*some rows of each tensor)`` over all rows: a scalar.

    Gradients with respect to ``rows`` and to ``shared``, the parameters that ``part`` uses, are computed along with
    the sum, chunk by chunk, so that what ``part`` computes never exists for all rows at once.
    """
    tensors = (*rows, *shared)
    if not torch.is_grad_enabled():  # which a Function is not told
        tensors = tuple(tensor.detach() for tensor in tensors)
    return _SumInChunks.apply(part, rows_at_once, len(rows), *tensors)


class _SumInChunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Callable[..., Tensor], at_once: int, count: int, *tensors: Tensor) -> Tensor:
        wanted = [place for place, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        gradients = {place: torch.zeros_like(tensors[place]) for place in wanted}
        total = tensors[0].new_zeros(())
        for start in range(0, len(tensors[0]), at_once):
            here = slice(start, start + at_once)
            inputs = [tensor[here].detach() for tensor in tensors[:count]] + list(tensors[count:])
            sums = {place: total[here] if place < count else total for place, total in gradients.items()}
            total += _value(part, inputs, count, sums)
        ctx.gradients = [gradients.get(place) for place in range(len(tensors))]
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (None if gradient is None else gradient * scale for gradient in ctx.gradients)
        return None, None, None, *scaled


def _value(part: Callable[..., Tensor], inputs: list[Tensor], count: int, sums: dict[int, Tensor]) -> Tensor:
    """``part`` of the first ``count`` inputs; its gradients with respect to some inputs are added to ``sums``."""
    if not sums:
        return part(*inputs[:count])
    wanted = [inputs[place].requires_grad_() for place in sums]
    with torch.enable_grad():
        value = part(*inputs[:count])
    found = torch.autograd.grad(value, wanted, materialize_grads=True)
    for total, gradient in zip(sums.values(), found, strict=True):
        total += gradient
    return value.detach()


# So many logits are made at a time: few enough for a processor's cache, and no table of a whole batch in memory.
LOGITS_AT_ONCE = 2**20


class TableCells(NamedTuple):
    """Some cells of the table of logits: vectors of equal length, one number for each cell."""

    sentence: Tensor
    head: Tensor
    tail: Tensor
    relation: Tensor

    @classmethod
    def unpadded(cls, cells: Tensor) -> "TableCells":
        """The cells (relation from 1, head, tail) of each sentence, [batch, most cells, 3]; relation 0 is padding."""
        sentence, place = cells[..., 0].nonzero(as_tuple=True)
        relation, head, tail = cells[sentence, place].unbind(dim=-1)
        return cls(sentence, head, tail, relation - 1)


class PairScorer(nn.Module, Registrable, kind="pair_scorer", injects=("input_dim", "num_relations")):
    """Gives each ordered pair of tokens, head and tail, a logit for each of so many relations.

    Only ``forward`` has to be written. What is asked of the table is computed a few sentences at a time; a scorer
    whose form allows more overrides it.
    """

    num_relations: int
    is_sum = False
    """Whether a logit is f(head) + g(tail), which limits the pairs that can be returned together."""

    @property
    def width(self) -> int:
        """The most numbers that are held at once for each pair."""
        return self.num_relations

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the table of logits [batch, length, length, num_relations]."""
        raise NotImplementedError

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The logits of the same pairs, two vectors of tokens, in every sentence: -> [batch, pairs, num_relations]."""
        return self(inputs)[:, head, tail]

    def max_over_tails(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The greatest logit of each head over the real tails, [batch, length, num_relations]; -inf without tokens."""
        # A copy of the first token in place of padding leaves every maximum as it is, and spares a masked table.
        filled = torch.where(mask.unsqueeze(-1), inputs, inputs[:, :1])
        best = torch.cat([_greatest(self(vectors)) for (vectors,) in self._chunks(filled)])
        return best.masked_fill(~mask[:, :1, None], -math.inf)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """Binary cross entropy summed over the pairs of real tokens and the relations: a scalar.

        ``gold`` holds each cell once, as ``TableCells.unpadded`` reads it.
        """
        return sum_in_chunks(self._loss, (inputs, mask, gold), list(self.parameters()), self._at_once(inputs))

    def predict(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[TableCells, Tensor]:
        """The cells of real tokens whose probability is at least ``threshold``, and their probabilities."""
        found, start = [], 0
        for vectors, real in self._chunks(inputs, mask):
            table = self(vectors)
            cells = (table >= logit(threshold)).nonzero()
            cells = cells[_pairs(real)[tuple(cells[:, :3].T)]]
            found.append((cells + cells.new_tensor([start, 0, 0, 0]), table[tuple(cells.T)].sigmoid()))
            start += len(vectors)
        cells, probabilities = map(torch.cat, zip(*found, strict=True))
        return TableCells(*cells.T), probabilities

    def _loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        table, cells = self(inputs), TableCells.unpadded(gold)
        positive = table[cells.sentence, cells.head, cells.tail, cells.relation]
        return (F.softplus(table).sum(dim=-1) * _pairs(mask)).sum() - positive.sum()

    def _chunks(self, *rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(tensor.split(self._at_once(rows[0])) for tensor in rows), strict=True)

    def _at_once(self, inputs: Tensor) -> int:
        return max(1, LOGITS_AT_ONCE // max(1, inputs.shape[1] ** 2 * self.num_relations))


def logit(probability: float) -> float:
    """The logit of a probability between 0 and 1."""
    return math.log(probability / (1 - probability))


def _pairs(mask: Tensor) -> Tensor:
    return mask.unsqueeze(2) & mask.unsqueeze(1)


def _greatest(table: Tensor) -> Tensor:
    # Only ``max`` forgets the table until the backward pass, but ``amax`` is several times as fast.
    return table.max(dim=2).values if table.requires_grad else table.amax(dim=2)


def triangle_loss(scorer: PairScorer, inputs: Tensor, mask: Tensor, gold: TableCells) -> Tensor:
    """Binary cross entropy summed over the pairs of real tokens in order and the relations: a scalar.

    ``inputs`` [batch, length, input_dim]; ``gold`` names each cell once, and only cells in order.
    """
    length = inputs.shape[1]
    head, tail = torch.triu_indices(length, length, device=inputs.device)
    rows = torch.arange(len(inputs), device=inputs.device)

    def loss(inputs: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
        logits = scorer.score_pairs(inputs, head, tail)
        here = TableCells(*(part[torch.isin(gold.sentence, rows)] for part in gold))
        pair = here.head * length - here.head * (here.head + 1) // 2 + here.tail
        positive = logits[here.sentence - rows[0], pair, here.relation]
        return (F.softplus(logits).sum(dim=-1) * mask.index_select(1, tail)).sum() - positive.sum()

    at_once = max(1, LOGITS_AT_ONCE // max(1, len(head) * scorer.width))
    return sum_in_chunks(loss, (inputs, mask, rows), list(scorer.parameters()), at_once)


def logits_of_cells(scorer: PairScorer, inputs: Tensor, cells: TableCells) -> Tensor:
    """The logit of each cell, [cells], without those of any other pair."""
    pairs = torch.stack((inputs[cells.sentence, cells.head], inputs[cells.sentence, cells.tail]), dim=1)
    first, second = torch.arange(2, device=inputs.device).split(1)
    logits = scorer.score_pairs(pairs, first, second).squeeze(1)
    return logits.gather(1, cells.relation.unsqueeze(1)).squeeze(1)
