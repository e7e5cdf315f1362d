"""What table filling reads in its tables: spans, and the cells of some pairs of mentions."""

from collections.abc import Iterator

import torch
from torch import Tensor

from relx.heads.pair_scorers import Cells, PairScorer
from relx.heads.pair_scorers.scorer import LOGITS_AT_ONCE, logit
from relx.heads.spans import Spans


def spans_above(scorer: PairScorer, inputs: Tensor, mask: Tensor, threshold: float) -> Spans:
    """The cells of real tokens in order whose probability is at least ``threshold``, as spans from head to tail."""
    head, tail = torch.triu_indices(inputs.shape[1], inputs.shape[1], device=inputs.device)
    found, start = [], 0
    for vectors, real in _chunks(max(1, LOGITS_AT_ONCE // (len(head) * scorer.width)), inputs, mask):
        logits = scorer.of_pairs(vectors, head, tail)
        row, pair, label = ((logits >= logit(threshold)) & real[:, tail, None]).nonzero(as_tuple=True)
        found.append(Spans(row + start, label, head[pair], tail[pair], logits[row, pair, label].sigmoid()))
        start += len(vectors)
    parts = zip(*((s.row, s.label, s.start, s.last, s.score) for s in found), strict=True)
    return Spans(*map(torch.cat, parts))


def probabilities_of_pairs(scorer: PairScorer, inputs: Tensor, pairs: Cells) -> Tensor:
    """The probabilities of all relations for some pairs, whose own relations do not matter: -> [pairs, relations]."""
    first, second = torch.arange(2, device=inputs.device).split(1)
    at_once = max(1, LOGITS_AT_ONCE // max(2 * inputs.shape[-1], scorer.width))
    found = [
        scorer.of_pairs(torch.stack((inputs[row, head], inputs[row, tail]), dim=1), first, second)[:, 0].sigmoid()
        for row, head, tail in _chunks(at_once, pairs.sentence, pairs.head, pairs.tail)
    ]
    return torch.cat(found)


def pairs_within(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of all ordered pairs, equal ones too, whose rows are equal: two vectors. ``rows`` ascend."""
    _, row, count = rows.unique_consecutive(return_inverse=True, return_counts=True)
    partners, begin = count[row], (count.cumsum(0) - count)[row]
    first = torch.arange(len(rows), device=rows.device).repeat_interleave(partners)
    place = torch.arange(len(first), device=rows.device) - (partners.cumsum(0) - partners)[first]
    return first, begin[first] + place


def _chunks(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)
