"""The pair scorers as their papers write them: one pair of tokens after the other."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from relx.heads.pair_scorers.scorers import (
    BiaffinePairScorer,
    ConcatMLPPairScorer,
    DecomposedPairScorer,
    LinearPairScorer,
    PFNPairScorer,
)

Score = Callable[[Tensor, Tensor, nn.Module], Tensor]


def additive(h: Tensor, h_: Tensor, scorer: DecomposedPairScorer) -> Tensor:
    """RIN, Eq. 9-10: m = relu((W_m h) + (W_r h')), + being concatenation; the logits W_p m + b."""
    m = torch.relu(torch.cat((scorer.head_hidden.weight @ h, scorer.tail_hidden.weight @ h_)))
    w_p = torch.cat((scorer.head_output.weight, scorer.tail_output.weight), dim=1)
    return w_p @ m + scorer.head_output.bias


def linear(h: Tensor, h_: Tensor, scorer: LinearPairScorer) -> Tensor:
    """Cascade-SRN, Eq. 13: the logits W_m [h; h'] + b_m."""
    w_m = torch.cat((scorer.head.weight, scorer.tail.weight), dim=1)
    return w_m @ torch.cat((h, h_)) + scorer.head.bias


def relu_sum(h: Tensor, h_: Tensor, scorer: ConcatMLPPairScorer) -> Tensor:
    """m = relu(W_m [h; h'] + b_m); the logits W_p m + b."""
    return scorer.output.weight @ torch.relu(_joined(h, h_, scorer)) + scorer.output.bias


def mlp(h: Tensor, h_: Tensor, scorer: PFNPairScorer) -> Tensor:
    """W_p ELU(LayerNorm(W_m [h; h'] + b_m)) + b."""
    m, norm = _joined(h, h_, scorer), scorer.activation[0]
    m = (m - m.mean()) / torch.sqrt(((m - m.mean()) ** 2).mean() + norm.eps) * norm.weight + norm.bias
    return scorer.output.weight @ torch.where(m > 0, m, torch.exp(m) - 1) + scorer.output.bias


def biaffine(h: Tensor, h_: Tensor, scorer: BiaffinePairScorer) -> Tensor:
    """[g; 1]' U_r [g'; 1]."""
    one = torch.ones(1, dtype=h.dtype)
    g = torch.cat((torch.relu(scorer.head.weight @ h + scorer.head.bias), one))
    g_ = torch.cat((torch.relu(scorer.tail.weight @ h_ + scorer.tail.bias), one))
    return torch.stack([g @ u @ g_ for u in scorer.weight])


def _joined(h: Tensor, h_: Tensor, scorer: nn.Module) -> Tensor:
    w_m = torch.cat((scorer.head.weight, scorer.tail.weight), dim=1)
    return w_m @ torch.cat((h, h_)) + scorer.head.bias


EQUATIONS: dict[type[nn.Module], Score] = {
    DecomposedPairScorer: additive,
    LinearPairScorer: linear,
    ConcatMLPPairScorer: relu_sum,
    PFNPairScorer: mlp,
    BiaffinePairScorer: biaffine,
}


def table(vectors: Tensor, scorer: nn.Module) -> Tensor:
    """The logits of all pairs of the tokens of one sentence: [length, d] -> [length, length, relations]."""
    score = EQUATIONS[type(scorer)]
    if not len(vectors):
        return vectors.new_zeros(0, 0, scorer.num_relations)
    return torch.stack([torch.stack([score(h, h_, scorer) for h_ in vectors]) for h in vectors])


def cross_entropy(logits: Tensor, gold: set[tuple[int, int, int]]) -> Tensor:
    """RIN, Eq. 13, summed: -log p of the gold cells (relation, head, tail), -log(1 - p) of all others."""
    total = logits.new_zeros(())
    for i, row in enumerate(logits):
        for j, cell in enumerate(row):
            for t, z in enumerate(cell):
                p = 1 / (1 + torch.exp(-z))
                total = total - torch.log(p if (t, i, j) in gold else 1 - p)
    return total
