"""Labeled spans that do not overlap, such as entities, as one tag for each token."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from relx.data.example import Entity, Example
from relx.data.spans import Spans
from relx.data.vocabulary import EntityTypes

L = TypeVar("L", bound=Hashable)
Positions = Literal["BIO", "BIES"]
OUTSIDE = 0


@dataclass(frozen=True)
class TaggedSpan(Generic[L]):
    """Hold the tokens ``start`` to ``end`` (exclusive), all tagged as one mention of ``label``."""

    start: int
    end: int
    label: L
    score: float


class TagScheme(Generic[L]):
    """Number the tags of labeled spans: O is tag 0, then the positions of each label (B I, or B I E S)."""

    def __init__(self, labels: Sequence[L], positions: Positions) -> None:
        self.labels = list(labels)
        self.index_of = {label: index for index, label in enumerate(self.labels)}
        self.positions = "BI" if positions == "BIO" else "BIES"
        self.size = 1 + len(self.labels) * len(self.positions)

    def span(self, length: int, label: L) -> list[int]:
        """Write the tags of a span of ``length`` tokens."""
        begin = 1 + self.index_of[label] * len(self.positions)
        inside, end, single = begin + 1, begin + 2, begin + 3
        if self.positions == "BI":
            return [begin] + [inside] * (length - 1)
        return [begin] + [inside] * (length - 2) + [end] if length > 1 else [single]

    def continues(self, tag: int, before: int) -> bool:
        """Return whether a tag makes the span of the tag before it longer."""
        index, position = divmod(tag - 1, len(self.positions))
        return tag != OUTSIDE and self.positions[position] == "I" and index == (before - 1) // len(self.positions)

    def read(self, tags: Sequence[int], scores: Sequence[float]) -> list[TaggedSpan[L]]:
        """Read the spans that a sequence of tags spells, each with the mean score of its tokens.

        An inside tag that continues nothing is dropped, and so is a BIES span that never ends.
        """
        return [
            TaggedSpan(start, end, self.labels[index], sum(scores[start:end]) / (end - start))
            for start, end, index in self._runs(tags)
        ]

    def _runs(self, tags: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Find (start, end, index of the label) of each complete span."""
        start, current = 0, -1
        for place, tag in enumerate([*tags, OUTSIDE]):
            if tag == OUTSIDE and current < 0:
                continue
            index, position = divmod(tag - 1, len(self.positions)) if tag != OUTSIDE else (-1, 0)
            name = self.positions[position] if tag != OUTSIDE else "O"
            if current >= 0 and name == "E" and index == current:
                yield start, place + 1, index
            if name in "IE" and index == current:
                current = index if name == "I" else -1
                continue
            if current >= 0 and self.positions == "BI":
                yield start, place, current
            if name == "S":
                yield place, place + 1, index
            start, current = place, index if name == "B" else -1


class EntityTags:
    """Write entities as tags, and read them back. Of entities that overlap, the longest is tagged."""

    def __init__(self, types: EntityTypes, positions: Positions = "BIES") -> None:
        self.types = types
        self.scheme = TagScheme(types.names.items, positions)

    def write(self, example: Example) -> np.ndarray:
        """Write gold entities as tags [length]."""
        tags = [OUTSIDE] * len(example)
        located = [entity for entity in example.entities if entity.located]
        for entity in sorted(located, key=lambda entity: entity.span[0] - entity.span[1]):
            start, end = entity.span
            label = self.types.type_of(entity, example)
            if label in self.scheme.index_of and not any(tags[start:end]):
                tags[start:end] = self.scheme.span(end - start, label)
        return np.array(tags, dtype=np.int32)

    def read(self, tags: list[int], scores: list[float]) -> list[Entity]:
        """Read entities. They have a type only if the data has types."""
        known = self.types.source == "data"
        spans = self.scheme.read(tags, scores)
        return [Entity(s.start, s.end, type=s.label if known else None, score=s.score) for s in spans]


def best_tags(logits: Tensor, mask: Tensor) -> tuple[list[list[int]], list[list[float]]]:
    """Find the best tag of each real token and its probability.

    ``logits`` [batch, length, tags] and ``mask`` [batch, length] -> tags and probabilities as lists of lists.
    """
    best, tags = logits.max(dim=-1)
    scores = (best - logits.logsumexp(dim=-1)).exp()
    lengths = mask.sum(dim=1).tolist()
    return (
        [row[:length] for row, length in zip(tags.tolist(), lengths, strict=True)],
        [row[:length] for row, length in zip(scores.tolist(), lengths, strict=True)],
    )


def tags_of_spans(scheme: TagScheme[L], spans: Spans, shape: torch.Size) -> Tensor:
    """Write the tags of spans that do not overlap, whose labels are indices of the scheme's: -> [rows, length]."""
    tags = torch.full(shape, OUTSIDE, device=spans.label.device)
    for row, label, start, last, _ in spans.items():
        tags[row, start : last + 1] = torch.tensor(scheme.span(last + 1 - start, scheme.labels[label])).to(tags)
    return tags


def spans_of_tags(scheme: TagScheme[L], logits: Tensor, mask: Tensor) -> Spans:
    """Return the spans that the best tags spell, in the order of the text: logits [rows, length, tags]."""
    rows = enumerate(zip(*best_tags(logits, mask), strict=True))
    found = [(row, span) for row, tagged in rows for span in scheme.read(*tagged)]
    places = [(row, scheme.index_of[span.label], span.start, span.end - 1) for row, span in found]
    table = torch.tensor(places, dtype=torch.long, device=logits.device).reshape(-1, 4)
    return Spans.from_tensor(table, logits.new_tensor([span.score for _, span in found]))


def tagging_loss(logits: Tensor, tags: Tensor, mask: Tensor, outside_weight: float = 1.0) -> Tensor:
    """Compute the cross entropy, summed over the tokens of a sentence, averaged over sentences: a scalar.

    ``logits`` [batch, length, tags], ``tags`` and ``mask`` [batch, length]. ``outside_weight`` weighs the tokens
    outside of every span.
    """
    losses = F.cross_entropy(logits.transpose(1, 2), tags, reduction="none") * mask
    if outside_weight != 1.0:
        losses = torch.where(tags == OUTSIDE, losses * outside_weight, losses)
    return losses.sum() / len(tags)


def gold_logits(tags: Tensor, size: int) -> Tensor:
    """Make logits with nearly all probability on the given tags: [batch, length] -> [batch, length, size]."""
    # exp(-50) is still a normal number; smaller ones would slow down every sum over the tags.
    return F.one_hot(tags, size).float() * 50
