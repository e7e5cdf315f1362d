"""The span extraction model of Cascade-SRN (Wang et al. 2022, Eq. 12-15); without matching, the taggers of CasRel."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.heads.pair_scorers import PairScorer, TableCells
from relx.heads.pair_scorers.scorer import logit, logits_of_cells, triangle_loss
from relx.heads.spans.spans import Spans
from relx.registry import Lazy
from relx.utils.argument_checks import require_inner_shares

SpanDecoding = Literal["match", "nearest"]

TYPICAL_LENGTH = 25
MATCH_BIAS = -6.0


class SpanTask:
    """Weigh the losses of one task of span extraction (Eq. 15), and set its threshold.

    Args:
        alpha: The weight of the loss of starts.
        beta: The weight of the loss of ends.
        gamma: The weight of the loss of matches of a start with an end.
        threshold: The probability from which a start, an end and a match count.
    """

    def __init__(self, alpha: float = 1.0, beta: float = 1.0, gamma: float = 1.0, threshold: float = 0.5) -> None:
        weights = {"alpha": alpha, "beta": beta, "gamma": gamma}
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} is {weight}; it must be 0 or more")
        require_inner_shares(threshold=threshold)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.threshold = threshold


class SpanTagger(nn.Module):
    """Tag the tokens that start and that end a span of each label (Eq. 12), and decide which belong together.

    With the decoding ``match``, a pair scorer decides on the pairs in which the start is not after the end (Eq. 13); by
    default it is ``pfn_mlp`` with the bias -6. With ``nearest``, each start takes the nearest end of its label, and
    nothing is learned of pairs. The logits of starts and ends begin where a sentence has about one of each.
    """

    def __init__(
        self,
        input_dim: int,
        num_labels: int,
        task: SpanTask | None = None,
        decoding: SpanDecoding = "match",
        pair_scorer: Lazy[PairScorer] | None = None,
    ) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.task = task or SpanTask()
        self.start = nn.Linear(input_dim, num_labels)
        self.end = nn.Linear(input_dim, num_labels)
        for layer in (self.start, self.end):
            nn.init.constant_(layer.bias, -math.log(TYPICAL_LENGTH * max(1, num_labels)))
        scorer = pair_scorer or PairScorer.named("pfn_mlp", bias=MATCH_BIAS)
        self.pair_scorer = scorer.build(input_dim=input_dim, num_relations=num_labels) if decoding == "match" else None

    def forward(self, h: Tensor, mask: Tensor) -> Spans:
        """Extract spans from h [rows, length, d]. A score is the product of the probabilities that made the span."""
        y_start = self.start(h).sigmoid() * mask.unsqueeze(-1)  # Eq. 12: [rows, length, labels]
        y_end = self.end(h).sigmoid() * mask.unsqueeze(-1)
        cells = self._pairs(y_start >= self.task.threshold, y_end >= self.task.threshold)
        row, start, last, label = cells
        score = y_start[row, start, label] * y_end[row, last, label]  # [spans]
        if self.pair_scorer is None:
            return Spans(row, label, start, last, score)
        match = logits_of_cells(self.pair_scorer, h, cells)  # Eq. 13, of these pairs only: [spans]
        kept = match >= logit(self.task.threshold)
        return Spans(row, label, start, last, score * match.sigmoid()).select(kept)

    def among(self, h: Tensor, candidates: Spans) -> Spans:
        """Return the labels that hold of given spans in h [rows, length, d]: start, end and match reach the threshold.

        A score is that of ``forward``. With the decoding ``nearest`` the ends between a start and its end do not count.
        """
        row = candidates.batch_index
        y_start = self.start(h[row, candidates.start]).sigmoid()  # [spans, labels]
        y_end = self.end(h[row, candidates.last]).sigmoid()
        held = (y_start >= self.task.threshold) & (y_end >= self.task.threshold)
        span, label = held.nonzero(as_tuple=True)
        score = y_start[span, label] * y_end[span, label]
        found = replace(candidates.select(span), label=label, score=score)
        if self.pair_scorer is None:
            return found
        match = logits_of_cells(self.pair_scorer, h, found.cells)
        kept = match >= logit(self.task.threshold)
        return replace(found, score=score * match.sigmoid()).select(kept)

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Compute alpha L_st + beta L_en + gamma L_m (Eq. 14-15), summed over tokens, pairs and labels: a scalar.

        The paper sums the matches over all pairs of tokens; here they are summed over the pairs with start <= end only.
        No span has its start after its end, and a scorer that is a sum of a start's and an end's part (Eq. 13) cannot
        hold two spans of one label and reject both pairs across, of which only one has its start before its end.
        ``h`` [rows, length, d], ``mask`` [rows, length]; ``gold`` holds each span once.
        """
        total = self.task.alpha * _token_loss(self.start(h), mask, gold, gold.start)
        total = total + self.task.beta * _token_loss(self.end(h), mask, gold, gold.last)
        if self.pair_scorer is not None:
            total = total + self.task.gamma * triangle_loss(self.pair_scorer, h, mask, gold.cells)
        return total

    def oracle(self, gold: Spans, shape: torch.Size) -> Spans:
        """Return what a tagger extracts that has learned these spans perfectly, of rows of the shape [rows, length]."""
        starts, ends = gold.label.new_zeros(2, *shape, self.num_labels, dtype=torch.bool)
        starts[gold.batch_index, gold.start, gold.label] = True
        ends[gold.batch_index, gold.last, gold.label] = True
        found = Spans.from_cells(self._pairs(starts, ends))
        if self.pair_scorer is None:
            return found
        wanted, made = (spans.keys(shape[1]) * self.num_labels + spans.label for spans in (gold, found))
        return found.select(torch.isin(made, wanted))

    def _pairs(self, starts: Tensor, ends: Tensor) -> TableCells:
        return pairs_with_nearest_end(starts, ends) if self.pair_scorer is None else pairs_in_order(starts, ends)


def _token_loss(logits: Tensor, mask: Tensor, gold: Spans, tokens: Tensor) -> Tensor:
    """Sum the binary cross entropy over real tokens and labels; ``tokens`` [spans] are the gold spans' own.

    -log sigmoid(z) = softplus(z) - z and -log(1 - sigmoid(z)) = softplus(z). A token that several spans of one label
    share counts once.
    """
    _, length, num_labels = logits.shape
    positive = ((gold.batch_index * length + tokens) * num_labels + gold.label).unique()
    return (F.softplus(logits).sum(dim=-1) * mask).sum() - logits.flatten()[positive].sum()


def pairs_in_order(starts: Tensor, ends: Tensor) -> TableCells:
    """Pair every start with every end of its row and label that is not before it: [rows, length, labels] each."""
    # A table of pairs is made only of the few rows and labels that have both.
    row, label = (starts.any(dim=1) & ends.any(dim=1)).nonzero(as_tuple=True)
    pairs = starts[row, :, label].unsqueeze(2) & ends[row, :, label].unsqueeze(1)
    block, start, last = pairs.triu().nonzero(as_tuple=True)
    return TableCells(row[block], start, last, label[block])


def pairs_with_nearest_end(starts: Tensor, ends: Tensor) -> TableCells:
    """Pair each start with the nearest end of its row and label that is not before it (CasRel, Wei et al. 2020)."""
    length = starts.shape[1]
    position = torch.arange(length, device=ends.device).view(1, -1, 1)
    end_here = torch.where(ends, position, length)
    nearest = end_here.flip(1).cummin(dim=1).values.flip(1)
    row, start, label = (starts & (nearest < length)).nonzero(as_tuple=True)
    return TableCells(row, start, nearest[row, start, label], label)


def cut_short(spans: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the spans (start, end), of one label, within which another one ends: their starts take that nearer end."""
    ends = {end for _, end in spans}
    return {(start, end) for start, end in spans if any(start < other < end for other in ends)}


def gammas(tasks: Mapping[str, SpanTask | None]) -> dict[str, float]:
    """Return the weights of matches that differ from 1, by the names of their settings, as "object_spans.gamma"."""
    return {f"{name}.gamma": task.gamma for name, task in tasks.items() if task is not None and task.gamma != 1}
