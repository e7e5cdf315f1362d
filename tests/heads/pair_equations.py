"""Tables of logits pair by pair, by the scorers' own equations, and the loss of every cell."""

import torch
from torch import Tensor

from relx.heads.pair_scorers import PairScorer


def table(vectors: Tensor, scorer: PairScorer) -> Tensor:
    """The logits of all pairs of the tokens of one sentence: [length, d] -> [length, length, relations]."""
    if not len(vectors):
        return vectors.new_zeros(0, 0, scorer.num_relations)
    return torch.stack([torch.stack([scorer.reference(h, h_) for h_ in vectors]) for h in vectors])


def cross_entropy(logits: Tensor, gold: set[tuple[int, int, int]]) -> Tensor:
    """RIN, Eq. 13, summed: -log p of the gold cells (relation, head, tail), -log(1 - p) of all others."""
    total = logits.new_zeros(())
    for i, row in enumerate(logits):
        for j, cell in enumerate(row):
            for t, z in enumerate(cell):
                p = 1 / (1 + torch.exp(-z))
                total = total - torch.log(p if (t, i, j) in gold else 1 - p)
    return total
