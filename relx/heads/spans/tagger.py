"""The span taggers of CasRel (Wei et al. 2020), over which Cascade-SRN adds a match of starts with ends."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Example, Relation
from relx.data.spans import Spans, TableCells
from relx.heads.head import Targets
from relx.heads.schemes.triples import CUT_SHORT
from relx.utils.argument_checks import require_inner_shares

Span = tuple[int, int]

TYPICAL_LENGTH = 25


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
    """Tag the tokens that start and that end a span of each label; a start takes the nearest end of its label (CasRel).

    The logits of starts and ends begin where a sentence has about one of each.
    """

    def __init__(self, input_dim: int, num_labels: int, task: SpanTask | None = None) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.task = task or SpanTask()
        self.start = nn.Linear(input_dim, num_labels)
        self.end = nn.Linear(input_dim, num_labels)
        for layer in (self.start, self.end):
            nn.init.constant_(layer.bias, -math.log(TYPICAL_LENGTH * max(1, num_labels)))

    def pairs(self, y_start: Tensor, y_end: Tensor, threshold: float) -> TableCells:
        """Decide which starts and ends belong together, from their probabilities, [rows, length, labels] each.

        At a threshold below that of the task, the starts that have no end at the latter get one in addition.
        """
        if threshold < self.task.threshold:
            return pairs_with_probable_end(y_start, y_end, self.task.threshold, threshold)
        return pairs_with_nearest_end(y_start >= threshold, y_end >= threshold)

    def forward(self, h: Tensor, mask: Tensor, threshold: float = 1.0) -> Spans:
        """Extract spans from h [rows, length, d]. A score is the product of the probabilities that made the span.

        A ``threshold`` below that of the task adds less probable spans.
        """
        y_start = self.start(h).sigmoid() * mask.unsqueeze(-1)  # [rows, length, labels]
        y_end = self.end(h).sigmoid() * mask.unsqueeze(-1)
        row, start, last, label = self.pairs(y_start, y_end, min(self.task.threshold, threshold))
        score = y_start[row, start, label] * y_end[row, last, label]  # [spans]
        return Spans(row, label, start, last, score)

    def among(self, h: Tensor, candidates: Spans, threshold: float = 1.0) -> Spans:
        """Return the labels that hold of given spans in h [rows, length, d]: start and end reach the threshold.

        It is that of the task, or a lower ``threshold``. A score is that of ``forward``. Other ends between a start and
        its end do not count.
        """
        row, least = candidates.batch_index, min(self.task.threshold, threshold)
        y_start = self.start(h[row, candidates.start]).sigmoid()  # [spans, labels]
        y_end = self.end(h[row, candidates.last]).sigmoid()
        held = (y_start >= least) & (y_end >= least)
        span, label = held.nonzero(as_tuple=True)
        return replace(candidates.select(span), label=label, score=y_start[span, label] * y_end[span, label])

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Compute alpha L_st + beta L_en, summed over tokens and labels: a scalar.

        ``h`` [rows, length, d], ``mask`` [rows, length]; ``gold`` holds each span once.
        """
        total = self.task.alpha * _token_loss(self.start(h), mask, gold, gold.start)
        return total + self.task.beta * _token_loss(self.end(h), mask, gold, gold.last)

    def oracle(self, gold: Spans, shape: torch.Size) -> Spans:
        """Return what a tagger extracts that has learned these spans perfectly, of rows of the shape [rows, length]."""
        starts, ends = gold.score.new_zeros(2, *shape, self.num_labels)
        starts[gold.batch_index, gold.start, gold.label] = 1.0
        ends[gold.batch_index, gold.last, gold.label] = 1.0
        return Spans.from_cells(self.pairs(starts, ends, self.task.threshold))


def _token_loss(logits: Tensor, mask: Tensor, gold: Spans, tokens: Tensor) -> Tensor:
    """Sum the binary cross entropy over real tokens and labels; ``tokens`` [spans] are the gold spans' own.

    -log sigmoid(z) = softplus(z) - z and -log(1 - sigmoid(z)) = softplus(z). A token that several spans of one label
    share counts once.
    """
    _, length, num_labels = logits.shape
    positive = ((gold.batch_index * length + tokens) * num_labels + gold.label).unique()
    return (F.softplus(logits).sum(dim=-1) * mask).sum() - logits.flatten()[positive].sum()


def pairs_with_nearest_end(starts: Tensor, ends: Tensor) -> TableCells:
    """Pair each start with the nearest end of its row and label that is not before it (CasRel, Wei et al. 2020)."""
    length = starts.shape[1]
    position = torch.arange(length, device=ends.device).view(1, -1, 1)
    end_here = torch.where(ends, position, length)
    nearest = end_here.flip(1).cummin(dim=1).values.flip(1)
    row, start, label = (starts & (nearest < length)).nonzero(as_tuple=True)
    return TableCells(row, start, nearest[row, start, label], label)


def pairs_with_probable_end(starts: Tensor, ends: Tensor, most: float, least: float) -> TableCells:
    """Pair starts and ends by ``pairs_with_nearest_end`` at falling thresholds; the first pair of each start counts.

    The thresholds fall from ``most`` to ``least``. Whatever is found at a threshold is found at each lower one, too.
    ``starts`` and ``ends`` are probabilities, [rows, length, labels] each.
    """
    best_end = ends.flip(1).cummax(dim=1).values.flip(1)  # of the ends that are not before a token
    reached = torch.minimum(starts, best_end).clamp(max=most)  # the threshold at which a start has its pair
    row, start, label = (reached >= least).nonzero(as_tuple=True)
    position = torch.arange(starts.shape[1], device=starts.device)
    candidates = ends.transpose(1, 2)[row, label] >= reached[row, start, label].unsqueeze(1)  # [pairs, length]
    nearest = (candidates & (position >= start.unsqueeze(1))).int().argmax(dim=1)
    return TableCells(row, start, nearest, label)


def gammas(tasks: Mapping[str, SpanTask | None]) -> dict[str, float]:
    """Return the weights of matches that differ from 1, by the names of their settings, as "object_spans.gamma"."""
    return {f"{name}.gamma": task.gamma for name, task in tasks.items() if task is not None and task.gamma != 1}


def candidate_objects(given: Spans, subjects: Spans) -> Spans:
    """Return, for each subject, every given entity of its sentence; the batch index is that of the subject."""
    same = subjects.batch_index.unsqueeze(1) == given.batch_index  # [subjects, given]
    row, entity = same.nonzero(as_tuple=True)
    return given.select(entity).with_rows(row)


def lost_to_nearer_ends(
    example: Example, written: Targets, unfound: Collection[Span] = ()
) -> list[tuple[Relation, str]]:
    """Find the relations in the targets that are lost when each start takes its nearest end.

    ``unfound`` are entities that are not found, whatever their relations.
    """
    lost = {relation for relation, _ in written.lost}
    held = [relation for relation in example.relations if relation not in lost]
    objects: dict[tuple[Span, str], set[Span]] = defaultdict(set)
    for relation in held:
        objects[relation.head.span, relation.type].add(relation.tail.span)
    short = {key: cut_short(spans) for key, spans in objects.items()}
    unfound_heads = {*unfound} | cut_short({relation.head.span for relation in held})
    return [
        (r, CUT_SHORT)
        for r in held
        if r.head.span in unfound_heads or r.tail.span in {*unfound} | short[r.head.span, r.type]
    ]


def entities_cut_short(written: Targets) -> set[tuple[int, Span]]:
    """Return label and span of each entity in the targets within which another one of its label ends."""
    mentions: dict[int, set[Span]] = defaultdict(set)
    for label, start, last in written.arrays["entity_spans"].tolist():
        mentions[label - 1].add((start, last + 1))
    return {(label, span) for label, spans in mentions.items() for span in cut_short(spans)}


def cut_short(spans: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the spans (start, end), of one label, within which another one ends: their starts take that nearer end."""
    ends = {end for _, end in spans}
    return {(start, end) for start, end in spans if any(start < other < end for other in ends)}
