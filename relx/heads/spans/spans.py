"""Spans of many sequences as vectors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from relx.heads.pair_scorers import TableCells


@dataclass(frozen=True)
class Spans:
    """Some spans: vectors of equal length, one number for each span.

    ``row`` is its sequence in the batch, ``label`` counts from 0, ``start`` and ``last`` are its first and last token.
    """

    row: Tensor
    label: Tensor
    start: Tensor
    last: Tensor
    score: Tensor

    @classmethod
    def of_cells(cls, cells: TableCells) -> "Spans":
        """The spans from heads to tails, labelled by relations; they are certain."""
        row, start, last, label = cells
        return cls(row, label, start, last, torch.ones_like(row, dtype=torch.float))

    @classmethod
    def stacked(cls, numbers: Tensor, score: Tensor) -> "Spans":
        """What ``numbers`` gave: [spans, 4] and the scores [spans]."""
        row, label, start, last = numbers.unbind(dim=1)
        return cls(row, label, start, last, score)

    @property
    def cells(self) -> TableCells:
        """The cells (start, last) of a table of pairs of tokens."""
        return TableCells(self.row, self.start, self.last, self.label)

    @property
    def numbers(self) -> Tensor:
        """Row, label, start and last: [spans, 4]."""
        return torch.stack((self.row, self.label, self.start, self.last), dim=1)

    def items(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Row, label, start, last and score of each span."""
        parts = (self.row, self.label, self.start, self.last, self.score)
        return zip(*(part.tolist() for part in parts), strict=True)

    def __len__(self) -> int:
        return len(self.row)

    def select(self, which: Tensor) -> "Spans":
        """The spans of these numbers, or those that a mask keeps."""
        return Spans(*(part[which] for part in (self.row, self.label, self.start, self.last, self.score)))

    def of_rows(self, row: Tensor) -> "Spans":
        """The same spans in other rows."""
        return replace(self, row=row)

    def unlabelled(self) -> "Spans":
        """The same spans, all with label 0."""
        return replace(self, label=torch.zeros_like(self.label))

    def places(self, length: int) -> Tensor:
        """A number for each span that tells its row, start and last, in this order; rows have ``length`` tokens."""
        return (self.row * length + self.start) * length + self.last


def best_labels(spans: Spans, length: int) -> Spans:
    """Of the spans at one place, the one with the best score (of equals the first); in the order of the text."""
    _, place = spans.places(length).unique(return_inverse=True)
    order = spans.score.argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    best = rank.new_empty(int(place.max()) + 1 if len(place) else 0)
    return spans.select(order[best.scatter_reduce(0, place, rank, "amin", include_self=False)])


def find(wanted: Spans, spans: Spans, length: int) -> tuple[Tensor, Tensor]:
    """Where each span wanted stands among others, labels aside, and which do: numbers and a mask, [wanted] each.

    ``spans`` are in the order of the text, no two at one place. The number of an absent span is meaningless.
    """
    if not len(spans):
        return torch.zeros_like(wanted.row), torch.zeros_like(wanted.row, dtype=torch.bool)
    known, sought = spans.places(length), wanted.places(length)
    number = torch.searchsorted(known, sought).clamp(max=len(known) - 1)
    return number, known[number] == sought


def labels_of_tokens(spans: Spans, shape: torch.Size, labels: int) -> Tensor:
    """The label, from 1, of the longest span over each token, 0 for a token outside of all: [rows, length].

    Of spans of one length the one with the greater label counts.
    """
    token = torch.arange(shape[1], device=spans.row.device)
    inside = (spans.start.unsqueeze(1) <= token) & (token <= spans.last.unsqueeze(1))
    claim = ((spans.last - spans.start) * labels + spans.label + 1).unsqueeze(1) * inside
    strongest = claim.new_zeros(shape).scatter_reduce(0, spans.row.unsqueeze(1).expand_as(claim), claim, "amax")
    return torch.where(strongest > 0, (strongest - 1) % max(1, labels) + 1, 0)


def mean_of_ends(vectors: Tensor, spans: Spans) -> Tensor:
    """A vector for each span: the mean of its first and last token's. [rows, length, d] -> [spans, d]."""
    return (vectors[spans.row, spans.start] + vectors[spans.row, spans.last]) / 2
