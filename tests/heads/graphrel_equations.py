"""GraphRel (Fu et al. 2019) word for word: one sentence, one word, one pair of words and one relation at a time."""

import literal
import torch
from torch import Tensor

from relx.heads.graphrel import GraphRel, Phase, RelationGraphs

Outputs = tuple[list[Tensor], list[list[Tensor]]]


def graphrel(words: list[Tensor], head: GraphRel) -> list[Outputs]:
    """The chances of each word's tags and of each pair's labels, of each phase."""
    outputs = [phase(words, head.first)]
    if head.graphs is not None:
        outputs.append(phase(relation_graphs(words, outputs[0][1], head.graphs), head.second))
    return outputs


def phase(words: list[Tensor], module: Phase) -> Outputs:
    """Tags by an LSTM; S_(w, r, w') = W_3 relu(W_1 h_w + W_2 h_w'), + being concatenation, softmax over r."""
    if not words:
        return [], []
    states = literal.lstm(torch.stack(words), module.lstm.forwards[0])
    tags = [_softmax(module.tagger.weight @ h + module.tagger.bias) for h in states]
    return tags, [[_softmax(pair_logits(h, h_, module)) for h_ in words] for h in words]


def pair_logits(h: Tensor, h_: Tensor, module: Phase) -> Tensor:
    """W_3 relu(W_1 h + W_2 h'), + being concatenation; the bias is that of W_3."""
    w_3 = torch.cat((module.W_3_head.weight, module.W_3_tail.weight), dim=1)
    return w_3 @ torch.relu(torch.cat((module.W_1.weight @ h, module.W_2.weight @ h_))) + module.W_3_head.bias


def relation_graphs(words: list[Tensor], chances: list[list[Tensor]], module: RelationGraphs) -> list[Tensor]:
    """h_u + relu(sum_v sum_r P_r(u, v) (W_r h_v + b_r)), half of it with P_r(v, u); r is never "none"."""
    relations = len(chances[0][0]) - 1 if words else 0
    better = []
    for u, h_u in enumerate(words):
        along = against = torch.zeros(len(h_u) // 2, dtype=h_u.dtype)
        for v, h_v in enumerate(words):
            for r in range(relations):
                along = along + chances[u][v][1 + r] * _message(h_v, module.along, r)
                against = against + chances[v][u][1 + r] * _message(h_v, module.against, r)
        better.append(h_u + torch.relu(torch.cat((along, against))))
    return better


def loss(outputs: Outputs, tags: list[int], labels: dict[tuple[int, int], int], relation_weight: float) -> Tensor:
    """-log of the chances of one phase; a pair that has a relation counts ``relation_weight`` times."""
    total = torch.zeros((), dtype=torch.float64)
    for chances, tag in zip(outputs[0], tags, strict=True):
        total = total - torch.log(chances[tag])
    for i, row in enumerate(outputs[1]):
        for j, chances in enumerate(row):
            label = labels.get((i, j), 0)
            total = total - (relation_weight if label else 1) * torch.log(chances[label])
    return total


def _message(h: Tensor, layer: torch.nn.Linear, relation: int) -> Tensor:
    size = layer.in_features // 2
    rows = slice(relation * size, (relation + 1) * size)
    return layer.weight[rows] @ h + layer.bias[rows]


def _softmax(logits: Tensor) -> Tensor:
    return torch.exp(logits) / torch.exp(logits).sum()
