"""Scores of pairs whose tail does not stand before the head, such as the first and the last token of a span."""

import torch
from torch import Tensor
from torch.nn import functional as F

from relx.heads.pair_scorers.chunks import sum_in_chunks
from relx.heads.pair_scorers.scorer import LOGITS_AT_ONCE, Cells, PairScorer


def triangle_loss(scorer: PairScorer, inputs: Tensor, mask: Tensor, gold: Cells) -> Tensor:
    """Binary cross entropy summed over the pairs of real tokens in order and the relations: a scalar.

    ``inputs`` [batch, length, input_dim]; ``gold`` names each cell once, and only cells in order.
    """
    length = inputs.shape[1]
    head, tail = torch.triu_indices(length, length, device=inputs.device)
    rows = torch.arange(len(inputs), device=inputs.device)

    def loss(inputs: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
        logits = scorer.of_pairs(inputs, head, tail)
        here = Cells(*(part[torch.isin(gold.sentence, rows)] for part in gold))
        pair = here.head * length - here.head * (here.head + 1) // 2 + here.tail
        positive = logits[here.sentence - rows[0], pair, here.relation]
        return (F.softplus(logits).sum(dim=-1) * mask.index_select(1, tail)).sum() - positive.sum()

    at_once = max(1, LOGITS_AT_ONCE // max(1, len(head) * scorer.width))
    return sum_in_chunks(loss, (inputs, mask, rows), list(scorer.parameters()), at_once)


def logits_of_cells(scorer: PairScorer, inputs: Tensor, cells: Cells) -> Tensor:
    """The logit of each cell, [cells], without those of any other pair."""
    pairs = torch.stack((inputs[cells.sentence, cells.head], inputs[cells.sentence, cells.tail]), dim=1)
    first, second = torch.arange(2, device=inputs.device).split(1)
    logits = scorer.of_pairs(pairs, first, second).squeeze(1)
    return logits.gather(1, cells.relation.unsqueeze(1)).squeeze(1)
