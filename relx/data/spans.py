"""Spans of the sequences of a batch, and cells of tables of token pairs, as vectors."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from relx.utils.counting import places_within

# Of spans that overlap all are kept, or the best ones.
Overlap = Literal["keep", "best"]


class TableCells(NamedTuple):
    """Some cells of tables of logits: vectors of equal length, one number for each cell."""

    sentence: Tensor
    head: Tensor
    tail: Tensor
    relation: Tensor

    @classmethod
    def unpadded(cls, cells: Tensor) -> "TableCells":
        """Read the cells (relation from 1, head, tail) of each sentence, [batch, most cells, 3]; 0 is padding."""
        sentence, place = cells[..., 0].nonzero(as_tuple=True)
        relation, head, tail = cells[sentence, place].unbind(dim=-1)
        return cls(sentence, head, tail, relation - 1)


@dataclass(frozen=True)
class Spans:
    """Hold labeled spans as vectors of equal length, one element for each span.

    ``batch_index`` is the sequence of the batch, ``label`` counts from 0, ``start`` and ``last`` are the first and the
    last token (inclusive; everywhere else in relx an ``end`` is exclusive), ``score`` is a probability.
    """

    batch_index: Tensor
    label: Tensor
    start: Tensor
    last: Tensor
    score: Tensor

    @classmethod
    def from_cells(cls, cells: TableCells) -> "Spans":
        """Make spans with score 1 of table cells (start, last, label)."""
        batch_index, start, last, label = cells
        return cls(batch_index, label, start, last, torch.ones_like(batch_index, dtype=torch.float))

    @classmethod
    def from_tensor(cls, table: Tensor, score: Tensor) -> "Spans":
        """Make spans of what ``as_tensor`` returned [spans, 4] and of scores [spans]."""
        batch_index, label, start, last = table.unbind(dim=1)
        return cls(batch_index, label, start, last, score)

    @property
    def cells(self) -> TableCells:
        """The cells (start, last) of a table of token pairs."""
        return TableCells(self.batch_index, self.start, self.last, self.label)

    def as_tensor(self) -> Tensor:
        """Stack batch index, label, start and last: -> [spans, 4]."""
        return torch.stack((self.batch_index, self.label, self.start, self.last), dim=1)

    def items(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Iterate over batch index, label, start, last and score of each span."""
        parts = (self.batch_index, self.label, self.start, self.last, self.score)
        return zip(*(part.tolist() for part in parts), strict=True)

    def __len__(self) -> int:
        return len(self.batch_index)

    def select(self, which: Tensor) -> "Spans":
        """Return the spans of these indices, or those that a mask keeps."""
        return Spans(*(part[which] for part in (self.batch_index, self.label, self.start, self.last, self.score)))

    def joined(self, others: "Spans") -> "Spans":
        """Return these spans and, after them, others."""
        names = ("batch_index", "label", "start", "last", "score")
        return Spans(*(torch.cat((getattr(self, name), getattr(others, name))) for name in names))

    def with_rows(self, batch_index: Tensor) -> "Spans":
        """Return the same spans in other sequences."""
        return replace(self, batch_index=batch_index)

    def unlabeled(self) -> "Spans":
        """Return the same spans, all with label 0."""
        return replace(self, label=torch.zeros_like(self.label))

    def keys(self, length: int) -> Tensor:
        """Compute one key [spans] of batch index, start and last, which sorts in this order, for ``length`` tokens."""
        return (self.batch_index * length + self.start) * length + self.last


def best_labels(spans: Spans, length: int) -> Spans:
    """Keep the best-scored of the spans with equal tokens (of equals the first), in the order of the text."""
    _, group = spans.keys(length).unique(return_inverse=True)
    order = spans.score.argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    best = rank.new_empty(int(group.max()) + 1 if len(group) else 0)
    return spans.select(order[best.scatter_reduce(0, group, rank, "amin", include_self=False)])


def without_overlaps(spans: Spans) -> Spans:
    """Keep the best-scored of the spans that overlap (of equals the first), in their order.

    A span that overlaps a kept one is dropped, whatever else it overlaps.
    """
    items = list(spans.items())
    taken: defaultdict[int, set[int]] = defaultdict(set)  # the tokens of kept spans in each sequence
    kept = []
    for index in sorted(range(len(items)), key=lambda index: -items[index][4]):
        row, _, start, last, _ = items[index]
        tokens = range(start, last + 1)
        if taken[row].isdisjoint(tokens):
            taken[row].update(tokens)
            kept.append(index)
    return spans.select(torch.tensor(sorted(kept), dtype=torch.long, device=spans.label.device))


def find(wanted: Spans, spans: Spans, length: int) -> tuple[Tensor, Tensor]:
    """Find the index of each wanted span among ``spans``, labels aside, and a mask of those that are there: [wanted].

    ``spans`` are in the order of the text, no two with equal tokens. The index of an absent span is meaningless.
    """
    return search(spans.keys(length), wanted.keys(length))


def search(keys: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Find the index of each wanted key among ``keys``, which ascend, and a mask of those that are there: [wanted].

    The index of an absent key is meaningless.
    """
    if not len(keys):
        return torch.zeros_like(wanted), torch.zeros_like(wanted, dtype=torch.bool)
    index = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return index, keys[index] == wanted


def pairs_within(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the indices of all ordered pairs, equal ones too, whose rows are equal: two vectors. ``rows`` ascend."""
    _, row, count = rows.unique_consecutive(return_inverse=True, return_counts=True)
    partners, begin = count[row], (count.cumsum(0) - count)[row]
    first = torch.arange(len(rows), device=rows.device).repeat_interleave(partners)
    return first, begin[first] + places_within(partners)


def labels_of_tokens(spans: Spans, shape: torch.Size, num_labels: int) -> Tensor:
    """Give each token the label, from 1, of the longest span over it, 0 outside of all spans: -> [rows, length].

    Of spans of equal length the one with the greater label counts.
    """
    token = torch.arange(shape[1], device=spans.label.device)
    inside = (spans.start.unsqueeze(1) <= token) & (token <= spans.last.unsqueeze(1))  # [spans, length]
    claim = ((spans.last - spans.start) * num_labels + spans.label + 1).unsqueeze(1) * inside
    row = spans.batch_index.unsqueeze(1).expand_as(claim)
    strongest = claim.new_zeros(shape).scatter_reduce(0, row, claim, "amax")
    return torch.where(strongest > 0, (strongest - 1) % max(1, num_labels) + 1, 0)


def mean_of_endpoints(vectors: Tensor, spans: Spans) -> Tensor:
    """Represent each span by the mean of its first and last token: [rows, length, d] -> [spans, d]."""
    return (vectors[spans.batch_index, spans.start] + vectors[spans.batch_index, spans.last]) / 2
