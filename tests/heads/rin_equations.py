"""RIN (Sun et al. 2020) word for word: one sentence, one token and one pair of tokens after the other."""

import pair_equations
import torch
from torch import Tensor, nn

from relx.heads.rin import RIN, GatedUpdater, GRUCellUpdater, LinearUpdater, RINv2, RNNUpdater

Gold = tuple[list[int], set[tuple[int, int, int]]]


def softmax(logits: Tensor) -> Tensor:
    return torch.exp(logits) / torch.exp(logits).sum()


def linear(layer: nn.Linear, h: Tensor) -> Tensor:
    return layer.weight @ h + layer.bias


def rin(words: list[Tensor], head: RIN) -> tuple[list[Tensor], Tensor]:
    """Eq. 1-11: the probabilities of each word's tags, and the logits of all pairs and relations."""
    h_r = [_feature(h, head.relation_features) for h in words]
    h_g = [_feature(h, head.entity_features) for h in words]
    for _ in range(head.rounds):
        p, y_g = torch.sigmoid(pair_equations.table(torch.stack(h_r), head.pair_scorer)), _ner(h_g, head)
        x = [_int(p[i], y_g[i], words[i], head) for i in range(len(words))]
        h_r = [_update(*pair, head.relation_updater) for pair in zip(h_r, x, strict=True)]
        h_g = [_update(*pair, head.entity_updater) for pair in zip(h_g, x, strict=True)]
    return _ner(h_g, head), pair_equations.table(torch.stack(h_r), head.pair_scorer)


def rin_v2(words: list[Tensor], head: RINv2) -> tuple[list[Tensor], Tensor]:
    """The authors' code: the predictions of both tasks go through one GRU cell each, whose state is the word."""
    h, h_r, h_g = words, words, words
    for _ in range(head.rounds):
        p, y_g = torch.sigmoid(pair_equations.table(torch.stack(h_r), head.pair_scorer)), _ner(h_g, head)
        h_r = [_gru_cell(h[i], p[i].amax(dim=0), head.relation_updater.cell) for i in range(len(h))]
        h_g = [_gru_cell(h[i], y_g[i], head.entity_updater.cell) for i in range(len(h))]
        h = [h[i] + h_r[i] + h_g[i] for i in range(len(h))]
    return _ner(h_g, head), pair_equations.table(torch.stack(h_r), head.pair_scorer)


def loss(outputs: tuple[list[Tensor], Tensor], gold: Gold) -> Tensor:
    """Eq. 12-14 of one sentence."""
    (y, logits), (tags, cells) = outputs, gold
    tagging = [-torch.log(y[i][tag]) for i, tag in enumerate(tags)]
    return torch.stack(tagging).sum() + pair_equations.cross_entropy(logits, cells)


def _feature(h: Tensor, layer: nn.Module) -> Tensor:
    """Eq. 11."""
    return h if isinstance(layer, nn.Identity) else torch.relu(linear(layer[0], h))


def _ner(h_g: list[Tensor], head: nn.Module) -> list[Tensor]:
    """Eq. 8."""
    return [softmax(linear(head.tagger, h)) for h in h_g]


def _int(p: Tensor, y_g: Tensor, h: Tensor, head: RIN) -> Tensor | None:
    """Eq. 1-3; ``p`` are a word's probabilities with every other, [length, relations]."""
    if head.interaction is None:
        return None
    y_r = torch.stack([max(p[:, t]) for t in range(p.shape[1])])
    inputs = {"relations": y_r, "entities": y_g, "words": h}
    return torch.relu(linear(head.interaction[0], torch.cat([inputs[signal] for signal in head.signals])))


def _update(h: Tensor, x: Tensor, updater: nn.Module) -> Tensor:
    if isinstance(updater, GatedUpdater):
        return _gated(h, x, updater)
    if isinstance(updater, GRUCellUpdater):
        return _gru_cell(h, x, updater.cell)
    if isinstance(updater, RNNUpdater):
        w = torch.cat((updater.from_features.weight, updater.from_input.weight), dim=1)
        return torch.tanh(w @ torch.cat((h, x)) + updater.from_input.bias)
    assert isinstance(updater, LinearUpdater)
    return linear(updater.from_features, h)


def _gated(h: Tensor, x: Tensor, updater: GatedUpdater) -> Tensor:
    """Eq. 4-7."""
    x_z, x_u, x_o = updater.from_input.weight.chunk(3)
    h_z, h_u = updater.gates_from_features.weight.chunk(2)
    w_z, w_u = torch.cat((h_z, x_z), dim=1), torch.cat((h_u, x_u), dim=1)
    w_o = torch.cat((updater.candidate_from_features.weight, x_o), dim=1)
    z = torch.sigmoid(w_z @ torch.cat((h, x)))
    u = torch.sigmoid(w_u @ torch.cat((h, x)))
    candidate = torch.tanh(w_o @ torch.cat((u * h, x)))
    return (1 - z) * h + z * candidate


def _gru_cell(h: Tensor, x: Tensor, cell: nn.GRUCell) -> Tensor:
    """Cho et al. (2014) as torch has it."""
    w_r, w_z, w_n = cell.weight_ih.chunk(3)
    u_r, u_z, u_n = cell.weight_hh.chunk(3)
    b_r, b_z, b_n = cell.bias_ih.chunk(3)
    c_r, c_z, c_n = cell.bias_hh.chunk(3)
    r = torch.sigmoid(w_r @ x + b_r + u_r @ h + c_r)
    z = torch.sigmoid(w_z @ x + b_z + u_z @ h + c_z)
    n = torch.tanh(w_n @ x + b_n + r * (u_n @ h + c_n))
    return (1 - z) * n + z * h
