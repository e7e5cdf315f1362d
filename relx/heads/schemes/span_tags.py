"""Spans of a batch that do not overlap, as one tag for each token."""

from collections.abc import Hashable
from typing import TypeVar

import torch
from torch import Tensor

from relx.data.spans import Spans
from relx.heads.schemes.tags import OUTSIDE, TagScheme, best_tags

L = TypeVar("L", bound=Hashable)


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
