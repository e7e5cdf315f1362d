"""Spans as tuples (row, label, start, last), and the span extraction model of Cascade-SRN one token after the other."""

import random
from collections.abc import Iterable

import torch
from torch import Tensor

from relx.data.spans import Spans
from relx.heads.cascade.head import MatchingSpanTagger
from relx.heads.spans.tagger import SpanTagger

Numbers = tuple[int, int, int, int]


def spans_of(numbers: Iterable[Numbers]) -> Spans:
    """Certain spans."""
    table = torch.tensor(list(numbers), dtype=torch.int64).reshape(-1, 4)
    return Spans.from_tensor(table, torch.ones(len(table)))


def numbers_of(spans: Spans) -> list[Numbers]:
    """The spans, in their order."""
    return [tuple(numbers) for numbers in spans.as_tensor().tolist()]


def random_spans(draw: random.Random, rows: int, length: int, labels: int) -> Spans:
    """Some spans, no two of them equal; they overlap, cross and share places."""
    places = ((start, last) for start in range(length) for last in range(start, min(length, start + 4)))
    known = [(row, label, *place) for place in places for row in range(rows) for label in range(labels)]
    return spans_of(draw.sample(known, draw.randint(0, 12)))


def probabilities(h: Tensor, extractor: SpanTagger) -> tuple[Tensor, Tensor]:
    """Eq. 12 for one sentence [length, d]: of starts and of ends, [length, labels] each."""
    start = torch.stack([torch.sigmoid(extractor.start.weight @ x + extractor.start.bias) for x in h])
    end = torch.stack([torch.sigmoid(extractor.end.weight @ x + extractor.end.bias) for x in h])
    return start, end


def match(h: Tensor, i: int, j: int, extractor: SpanTagger) -> Tensor:
    """Eq. 13: [labels]."""
    return torch.sigmoid(extractor.pair_scorer.reference(h[i], h[j]))


def loss(h: Tensor, gold: set[tuple[int, int, int]], extractor: SpanTagger) -> Tensor:
    """Eq. 14 and the weighted sum of Eq. 15 for one task and one sentence, pairs in order only.

    ``gold`` holds (label, start, last).
    """
    total = h.new_zeros(())
    if not len(h):
        return total
    start, end = probabilities(h, extractor)
    starts, ends = {(k, i) for k, i, _ in gold}, {(k, j) for k, _, j in gold}
    for i in range(len(h)):
        for k in range(extractor.num_labels):
            total = total + extractor.task.alpha * _cross_entropy(start[i, k], (k, i) in starts)
            total = total + extractor.task.beta * _cross_entropy(end[i, k], (k, i) in ends)
        for j in range(i, len(h)) if isinstance(extractor, MatchingSpanTagger) else ():
            for k, probability in enumerate(match(h, i, j, extractor)):
                total = total + extractor.task.gamma * _cross_entropy(probability, (k, i, j) in gold)
    return total


def found(h: Tensor, extractor: SpanTagger) -> dict[tuple[int, int, int], float]:
    """The spans (label, start, last) of one sentence, and their scores."""
    spans: dict[tuple[int, int, int], float] = {}
    if not len(h):
        return spans
    start, end = probabilities(h, extractor)
    least = extractor.task.threshold
    for k in range(extractor.num_labels):
        for i in range(len(h)):
            lasts = [j for j in range(i, len(h)) if end[j, k] >= least] if start[i, k] >= least else []
            for j in lasts if isinstance(extractor, MatchingSpanTagger) else lasts[:1]:
                matching = match(h, i, j, extractor)[k] if isinstance(extractor, MatchingSpanTagger) else torch.ones(())
                if matching >= least:
                    spans[k, i, j] = (start[i, k] * end[j, k] * matching).item()
    return spans


def _cross_entropy(probability: Tensor, true: bool) -> Tensor:
    return -torch.log(probability if true else 1 - probability)
