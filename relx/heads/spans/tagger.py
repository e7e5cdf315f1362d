"""The span extraction model of Cascade-SRN (Wang et al. 2022, Eq. 12-15); without matching, the taggers of CasRel."""

import math
from collections.abc import Collection, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.heads.pair_scorers import PairScorer, TableCells
from relx.heads.pair_scorers.scorer import logit, logits_of_cells, triangle_loss
from relx.heads.pair_scorers.scorers import PFNPairScorer
from relx.heads.spans.spans import Spans
from relx.registry import Lazy
from relx.utils.argument_checks import require_inner_shares


def all_in_order(starts: Tensor, ends: Tensor) -> TableCells:
    """Every start with every end of its row and label that does not stand before it: [rows, length, labels] each."""
    # A table of pairs is made only of the few rows and labels that have both.
    row, label = (starts.any(dim=1) & ends.any(dim=1)).nonzero(as_tuple=True)
    pairs = starts[row, :, label].unsqueeze(2) & ends[row, :, label].unsqueeze(1)
    block, start, last = pairs.triu().nonzero(as_tuple=True)
    return TableCells(row[block], start, last, label[block])


def nearest_end(starts: Tensor, ends: Tensor) -> TableCells:
    """Each start with the nearest end of its row and label that does not stand before it (CasRel, Wei et al. 2020)."""
    length = starts.shape[1]
    places = torch.arange(length, device=ends.device).view(1, -1, 1)
    here = torch.where(ends, places, length)
    nearest = here.flip(1).cummin(dim=1).values.flip(1)
    row, start, label = (starts & (nearest < length)).nonzero(as_tuple=True)
    return TableCells(row, start, nearest[row, start, label], label)


def cut_short(spans: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """The spans (start, end), of one label, within which another one ends: their starts take that nearer end."""
    ends = {end for _, end in spans}
    return {(start, end) for start, end in spans if any(start < other < end for other in ends)}


SpanDecoding = Literal["match", "nearest"]

TYPICAL_LENGTH = 25
MATCH_BIAS = -6.0


class SpanTask:
    """One task of span extraction: the weights of its losses of starts, ends and matches, and its ``threshold``."""

    def __init__(self, alpha: float = 1.0, beta: float = 1.0, gamma: float = 1.0, threshold: float = 0.5) -> None:
        weights = {"alpha": alpha, "beta": beta, "gamma": gamma}
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} is {weight}; it must be 0 or more")
        require_inner_shares(threshold=threshold)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.threshold = threshold


def gammas(tasks: Mapping[str, SpanTask | None]) -> dict[str, float]:
    """The weights of matches that differ from 1, by the names of their settings, such as "object_spans.gamma"."""
    return {f"{name}.gamma": task.gamma for name, task in tasks.items() if task is not None and task.gamma != 1}


class SpanTagger(nn.Module):
    """Tells which tokens start and which end a span of each of so many ``labels`` (Eq. 12), and which belong together.

    With the decoding ``match`` a pair scorer, by default ``pfn_mlp`` with the bias -6, decides on the pairs in which
    the
    start is not after the end (Eq. 13); with ``nearest`` each start takes the nearest end, and nothing is learnt of
    pairs.
    """

    def __init__(
        self,
        input_dim: int,
        labels: int,
        task: SpanTask | None = None,
        decoding: SpanDecoding = "match",
        pair_scorer: Lazy[PairScorer] | None = None,
    ) -> None:
        super().__init__()
        self.labels = labels
        self.task = task or SpanTask()
        self.start = _token_scorer(input_dim, labels)
        self.end = _token_scorer(input_dim, labels)
        scorer = pair_scorer or Lazy(PFNPairScorer, bias=MATCH_BIAS)
        self.pair_scorer = scorer.build(input_dim=input_dim, num_relations=labels) if decoding == "match" else None

    def loss(self, inputs: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Eq. 14-15: the weighted binary cross entropies, summed over tokens, pairs and labels: a scalar.

        The paper sums the matches over all pairs of tokens; here they are summed over the pairs with start <= end only.
        No span has its start after its end, and a scorer that is a sum of a start's and an end's part (Eq. 13) cannot
        hold two spans of one label and reject both pairs across, of which only one has its start before its end.
        ``inputs`` [rows, length, input_dim], ``mask`` [rows, length]; ``gold`` holds each span once.
        """
        total = self.task.alpha * _token_loss(self.start(inputs), mask, gold, gold.start)
        total = total + self.task.beta * _token_loss(self.end(inputs), mask, gold, gold.last)
        if self.pair_scorer is not None:
            total = total + self.task.gamma * triangle_loss(self.pair_scorer, inputs, mask, gold.cells)
        return total

    def forward(self, inputs: Tensor, mask: Tensor) -> Spans:
        """The spans found. A score is the product of the probabilities that made the span."""
        real = mask.unsqueeze(-1)
        start, end = self.start(inputs).sigmoid() * real, self.end(inputs).sigmoid() * real
        cells = self._pairs(start >= self.task.threshold, end >= self.task.threshold)
        row, first, last, label = cells
        spans = Spans(row, label, first, last, start[row, first, label] * end[row, last, label])
        if self.pair_scorer is None:
            return spans
        matching = logits_of_cells(self.pair_scorer, inputs, cells)
        kept = matching >= logit(self.task.threshold)
        return Spans(row, label, first, last, spans.score * matching.sigmoid()).select(kept)

    def certain(self, gold: Spans, shape: torch.Size) -> Spans:
        """What an extractor finds that has learnt these spans of rows of the ``shape`` [rows, length] perfectly."""
        starts, ends = gold.row.new_zeros(2, *shape, self.labels, dtype=torch.bool)
        starts[gold.row, gold.start, gold.label] = True
        ends[gold.row, gold.last, gold.label] = True
        found = Spans.of_cells(self._pairs(starts, ends))
        if self.pair_scorer is None:
            return found
        wanted, made = (spans.places(shape[1]) * self.labels + spans.label for spans in (gold, found))
        return found.select(torch.isin(made, wanted))

    def _pairs(self, starts: Tensor, ends: Tensor) -> TableCells:
        return nearest_end(starts, ends) if self.pair_scorer is None else all_in_order(starts, ends)


def _token_scorer(input_dim: int, labels: int) -> nn.Linear:
    """Logits that start where a sentence has about one start, or one end, in all."""
    layer = nn.Linear(input_dim, labels)
    nn.init.constant_(layer.bias, -math.log(TYPICAL_LENGTH * max(1, labels)))
    return layer


def _token_loss(logits: Tensor, mask: Tensor, gold: Spans, tokens: Tensor) -> Tensor:
    """Binary cross entropy summed over real tokens and labels; ``tokens`` are those of the gold spans that are told.

    A token that several spans of one label share is told once.
    """
    _, length, labels = logits.shape
    positive = ((gold.row * length + tokens) * labels + gold.label).unique()
    return (F.softplus(logits).sum(dim=-1) * mask).sum() - logits.flatten()[positive].sum()
