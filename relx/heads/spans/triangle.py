"""Spans as cells, first token x last token, of a pair scorer's table: only those with the first not after the last."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from relx.data.spans import Spans, TableCells
from relx.heads.pair_scorers.scorer import LOGITS_AT_ONCE, PairScorer, in_chunks, logit, logits_of_pairs
from relx.kernels.pair_sums import sum_in_chunks


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
