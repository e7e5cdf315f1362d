"""The kind of component that scores pairs of tokens, and the uses of its logits.

The last functions read the triangle of a table: spans as cells, first token x last token, the first not after the last.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Entity, Relation
from relx.data.spans import Spans, TableCells
from relx.kernels.pair_sums import sum_in_chunks
from relx.limits import Cell, Limit, limit_of_spans, limits_of_sums, limits_of_two_sums
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

    def limits(
        self, tables: Iterable[Mapping[Cell, Relation]], counts: Callable[[Cell], bool], scores: int = 1
    ) -> list[Limit]:
        """Find the relations that no weights return together: none unless a logit is a sum of two.

        A head returns them in its own ``limits``. ``tables`` hold the wanted cells (head, tail) of one relation each
        (``relx.limits.tables_of``). ``counts`` says of any other cell whether it would be a wrong relation. ``scores``
        is the number of scorers of this form, one or two, that a relation needs.
        """
        if not self.is_sum:
            return []
        return (limits_of_sums if scores == 1 else limits_of_two_sums)(tables, counts)

    def limits_of_spans(self, entities: Iterable[Entity]) -> list[Limit]:
        """Find the limits where a pair of tokens is a span of one type, its first and its last token."""
        return limit_of_spans(entities) if self.is_sum else []

    def _loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        table, cells = self(inputs), TableCells.unpadded(gold)
        positive = table[cells.sentence, cells.head, cells.tail, cells.relation]
        return (F.softplus(table).sum(dim=-1) * _pairs(mask)).sum() - positive.sum()

    def _chunks(self, *rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return in_chunks(self._at_once(rows[0]), *rows)

    def _at_once(self, inputs: Tensor) -> int:
        return max(1, LOGITS_AT_ONCE // max(1, inputs.shape[1] ** 2 * self.width))


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


def triangle_loss(
    scorer: PairScorer,
    inputs: Tensor,
    mask: Tensor,
    gold: TableCells,
    log_partition: Callable[[Tensor], Tensor] = F.softplus,
) -> Tensor:
    """Sum the cross entropy over the pairs of tokens in the mask with i <= j and the relations: a scalar.

    ``inputs`` [batch, length, input_dim]; ``gold`` names each cell once, and only cells with i <= j. The entropy is
    ``log_partition`` of the logits, that of a binary one by default, less the logits of ``gold``.
    """
    length = inputs.shape[1]
    head, tail = torch.triu_indices(length, length, device=inputs.device)
    rows = torch.arange(len(inputs), device=inputs.device)

    def loss(inputs: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
        logits = scorer.score_pairs(inputs, head, tail)
        here = TableCells(*(part[torch.isin(gold.sentence, rows)] for part in gold))
        pair = here.head * length - here.head * (here.head + 1) // 2 + here.tail
        positive = logits[here.sentence - rows[0], pair, here.relation]
        return (log_partition(logits).sum(dim=-1) * mask.index_select(1, tail)).sum() - positive.sum()

    at_once = max(1, LOGITS_AT_ONCE // max(1, len(head) * scorer.width))
    return sum_in_chunks(loss, (inputs, mask, rows), list(scorer.parameters()), at_once)


def logits_of_cells(scorer: PairScorer, inputs: Tensor, cells: TableCells) -> Tensor:
    """Return the logit of each cell, [cells], without those of any other pair."""
    return logits_of_pairs(scorer, inputs, cells).gather(1, cells.relation.unsqueeze(1)).squeeze(1)


def predict_spans(scorer: PairScorer, inputs: Tensor, mask: Tensor, threshold: float) -> Spans:
    """Return the cells of real tokens, first <= last, whose probability is at least ``threshold``, as spans."""
    pairs = torch.triu_indices(inputs.shape[1], inputs.shape[1], device=inputs.device)
    found, start = [], 0
    for vectors, real in in_chunks(max(1, LOGITS_AT_ONCE // (pairs.shape[1] * scorer.width)), inputs, mask):
        # The pairs of a long sentence are themselves cut.
        for first, last in in_chunks(max(1, LOGITS_AT_ONCE // scorer.width), *pairs):
            logits = scorer.score_pairs(vectors, first, last)  # [rows, pairs, labels]
            row, pair, label = ((logits >= logit(threshold)) & real[:, last, None]).nonzero(as_tuple=True)
            found.append(Spans(row + start, label, first[pair], last[pair], logits[row, pair, label].sigmoid()))
        start += len(vectors)
    parts = zip(*((s.batch_index, s.label, s.start, s.last, s.score) for s in found), strict=True)
    return Spans(*map(torch.cat, parts))


def pairs_in_order(starts: Tensor, ends: Tensor) -> TableCells:
    """Pair every start with every end of its row and label that is not before it: [rows, length, labels] each."""
    # A table of pairs is made only of the few rows and labels that have both.
    row, label = (starts.any(dim=1) & ends.any(dim=1)).nonzero(as_tuple=True)
    pairs = starts[row, :, label].unsqueeze(2) & ends[row, :, label].unsqueeze(1)
    block, start, last = pairs.triu().nonzero(as_tuple=True)
    return TableCells(row[block], start, last, label[block])
