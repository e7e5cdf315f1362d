"""Fast paths of the heads: each computes what the equations in the head's file say."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.utils.precision import full_precision_on_cpu

# A word sends no message along a relation if all of its probabilities are below this.
NEGLIGIBLE = 1e-7
# Above this share of messages, all of them at once are faster than those that count (measured on one core).
MANY = 0.4


def fused_lstm(inputs: Tensor, from_input: Tensor, from_state: Tensor, bias: Tensor) -> Tensor:
    """Run a one-layer LSTM from zero states. Its gates are in torch's order: input, forget, cell, output.

    ``inputs`` [batch, length, d], ``from_input`` [4 h, d], ``from_state`` [4 h, h], ``bias`` [4 h]
    -> [batch, length, h].
    """
    with full_precision_on_cpu(inputs, from_input, from_state, bias) as (inputs, from_input, from_state, bias):
        zeros = inputs.new_zeros(1, len(inputs), from_state.shape[1])
        weights = [from_input, from_state, bias, torch.zeros_like(bias)]
        return torch.lstm(inputs, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]


def sum_messages(edges: Tensor, words: Tensor, layer: nn.Linear) -> Tensor:
    """Compute sum over v and r of P_r(u, v) (W_r h_v + b_r): [batch, u, v, relations], [batch, v, d] -> [batch, u, d'].

    ``layer`` holds W_r and b_r of all relations, [relations * d', d]. Once the first phase has learnt a little, most
    messages are negligible. The others are then made relation by relation, and added up sentence by sentence.
    """
    relations, d = edges.shape[-1], words.shape[-1]
    kept = edges.detach().amax(dim=1) >= NEGLIGIBLE  # [batch, v, relations]
    if words.is_cuda or kept.sum() >= MANY * kept.numel():
        messages = layer(words).view(len(words), words.shape[1] * relations, d // 2)
        return edges.flatten(2) @ messages
    relation, sentence, v = kept.permute(2, 0, 1).nonzero(as_tuple=True)
    h = words.flatten(0, 1).index_select(0, sentence * words.shape[1] + v)  # [messages, d]
    of_relation = zip(
        h.split(kept.sum(dim=(0, 1)).tolist()),
        layer.weight.view(relations, -1, d).unbind(),
        layer.bias.view(relations, -1).unbind(),
        strict=True,
    )
    order = sentence.argsort(stable=True)
    counts = kept.sum(dim=(1, 2)).tolist()
    messages = torch.cat([F.linear(*parts) for parts in of_relation]).index_select(0, order).split(counts)
    columns = (v * relations + relation).index_select(0, order).split(counts)
    of_sentence = zip(edges.flatten(2).unbind(), columns, messages, strict=True)
    return torch.stack([p.index_select(1, column) @ message for p, column, message in of_sentence])
