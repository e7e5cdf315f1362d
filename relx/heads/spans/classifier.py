"""A classifier of enumerated spans (SpERT, Eberts & Ulges 2020; PURE, Zhong & Chen 2021)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Entity, Example
from relx.data.spans import Overlap, Spans, find, without_overlaps
from relx.encoders.seq2vec import Seq2VecEncoder
from relx.heads.schemes.triples import FaultOf, overlaps_longer
from relx.kernels.range_maximum import max_over
from relx.utils.argument_checks import require_shares, require_sizes
from relx.utils.counting import drawn, mean_of_rows, places_within

TOO_WIDE = "mention has more tokens than max_width"

# So many numbers describe the spans that are classified at a time in prediction.
NUMBERS_AT_ONCE = 2**23


def enumerate_spans(mask: Tensor, max_width: int) -> Spans:
    """Return all spans of at most ``max_width`` real tokens, in the order of the text: ``mask`` [rows, length]."""
    row, start = mask.nonzero(as_tuple=True)  # [tokens]
    count = (mask.sum(dim=1)[row] - start).clamp(max=max_width)  # of the spans that begin at each token
    token = torch.arange(len(row), device=row.device).repeat_interleave(count)
    none, certain = torch.zeros_like(token), torch.ones_like(token, dtype=torch.float)
    return Spans(row[token], none, start[token], start[token] + places_within(count), certain)


def feed_forward(input_dim: int, hidden_sizes: Sequence[int], output_dim: int, dropout: float) -> nn.Sequential:
    """Make a network of ReLU layers with dropout after each. Without hidden layers dropout acts on the input."""
    layers: list[nn.Module] = [] if hidden_sizes else [nn.Dropout(dropout)]
    for size in hidden_sizes:
        layers += [nn.Linear(input_dim, size), nn.ReLU(), nn.Dropout(dropout)]
        input_dim = size
    return nn.Sequential(*layers, nn.Linear(input_dim, output_dim))


def max_of_spans(h: Tensor, spans: Spans) -> Tensor:
    """Represent a span by the maximum of each feature over its tokens (SpERT): [rows, length, d] -> [spans, d]."""
    return max_over(h, spans.batch_index, spans.start, spans.last)


def endpoints_of_spans(h: Tensor, spans: Spans) -> Tensor:
    """Represent a span by its first and its last token, [x_i; x_j] (PURE): [rows, length, d] -> [spans, 2 d]."""
    return torch.cat((h[spans.batch_index, spans.start], h[spans.batch_index, spans.last]), dim=-1)


def fault_of_span(max_width: int | None, overlap: Overlap = "keep") -> FaultOf:
    """Return the fault of a mention that a classifier of spans cannot find; None for the width: it may have any.

    If only the best of overlapping spans is found, that is the longest mention, as for tags.
    """

    def too_wide(entity: Entity) -> bool:
        return max_width is not None and entity.located and len(range(*entity.span)) > max_width

    def fault_of(entity: Entity, example: Example) -> str | None:
        if too_wide(entity):
            return TOO_WIDE
        if overlap == "keep":
            return None
        return overlaps_longer(entity, replace(example, entities=[e for e in example.entities if not too_wide(e)]))

    return fault_of


class SpanClassifier(nn.Module):
    """Give each span of at most ``max_width`` tokens one label, or none, by a softmax.

    A span is [its tokens, ``pooling``; an embedding of its width; a vector of its sentence, if there is a ``sentence``
    encoder]. ``pooling`` is ``max`` over the tokens, or ``endpoints``, the first and the last token. In training at
    most ``negatives`` spans without label are drawn from each sentence; None learns all of them. With ``mean`` the loss
    of a sentence is the mean over its spans, otherwise their sum. With ``overlap`` ``best`` a span that overlaps a more
    probable one is not found.
    """

    def __init__(
        self,
        input_dim: int,
        num_labels: int,
        max_width: int,
        pooling: Literal["max", "endpoints"],
        width_dim: int,
        hidden_sizes: Sequence[int] = (),
        dropout: float = 0.0,
        sentence: Seq2VecEncoder | None = None,
        negatives: int | None = None,
        mean: bool = False,
        overlap: Overlap = "keep",
    ) -> None:
        super().__init__()
        require_sizes(max_width=max_width, width_dim=width_dim, hidden_sizes=min(hidden_sizes, default=1))
        require_sizes(negatives=negatives)
        require_shares(dropout=dropout)
        self.max_width, self.negatives, self.mean, self.overlap = max_width, negatives, mean, overlap
        self.pool = max_of_spans if pooling == "max" else endpoints_of_spans
        self.width = nn.Embedding(max_width, width_dim)
        self.sentence = sentence
        self.span_dim = (1 if pooling == "max" else 2) * input_dim + width_dim
        size = self.span_dim + (sentence.output_dim if sentence is not None else 0)
        self.scorer = feed_forward(size, hidden_sizes, 1 + num_labels, dropout)
        self.at_once = max(1, NUMBERS_AT_ONCE // size)

    def represent(self, h: Tensor, spans: Spans) -> Tensor:
        """Compute [tokens; width] of any spans; one wider than ``max_width`` has its width: -> [spans, span_dim]."""
        width = (spans.last - spans.start).clamp(max=self.max_width - 1)
        return torch.cat((self.pool(h, spans), self.width(width)), dim=-1)

    def logits(self, h: Tensor, mask: Tensor, spans: Spans) -> Tensor:
        """Score spans of ``h`` [rows, length, input_dim]: -> [spans, 1 + labels], no label first."""
        parts = [self.represent(h, spans)]
        if self.sentence is not None:
            parts.append(self.sentence(h, mask)[spans.batch_index])
        return self.scorer(torch.cat(parts, dim=-1))

    def forward(self, h: Tensor, mask: Tensor) -> Spans:
        """Find the spans whose best label is not none, in the order of the text, each with the label's probability."""
        candidates = enumerate_spans(mask, self.max_width)
        indices = torch.arange(len(candidates), device=h.device)
        best = [
            self.logits(h, mask, candidates.select(some)).softmax(-1).max(-1) for some in indices.split(self.at_once)
        ]
        score, label = (torch.cat(parts) for parts in zip(*best, strict=True))
        found = Spans(candidates.batch_index, label - 1, candidates.start, candidates.last, score).select(label > 0)
        return found if self.overlap == "keep" else without_overlaps(found)

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Compute the cross entropy of all spans, or of the gold ones and of those drawn: a scalar.

        It is the sum over sentences; a sentence counts the sum or the mean over its spans. ``h`` [rows, length,
        input_dim], ``mask`` [rows, length]; ``gold`` holds each span once.
        """
        candidates = enumerate_spans(mask, self.max_width)
        label = torch.zeros_like(candidates.label)  # 0 is none
        index, known = find(gold, candidates, mask.shape[1])
        label[index[known]] = gold.label[known] + 1
        if self.training and self.negatives is not None:
            learned = drawn(candidates.batch_index, label > 0, self.negatives)
            candidates, label = candidates.select(learned), label[learned]
        losses = F.cross_entropy(self.logits(h, mask, candidates), label, reduction="none")
        return mean_of_rows(losses, candidates.batch_index) if self.mean else losses.sum()
