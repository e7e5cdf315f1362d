"""The LSTM decoders of tagging models that feed the predicted tag vector back (HMT; Zheng et al. 2017).

The tag vector is a linear function of the decoder's state, so feeding it back is a change of the LSTM's weights: the
whole decoder runs as one fused LSTM and one matrix product. A dropout or a nonlinearity on the tag vector would break
that, and would not be the papers' model.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.precision import full_precision_on_cpu

Feedback = Literal["soft", "argmax", "none"]


class SoftTagDecoder(nn.Module):
    """HMT's decoder (Wei et al. 2019, Eq. 2-4): [batch, length, input_dim] -> tag logits [batch, length, tags].

    The gates see the tag vector T and the state h of the token before; T = W_T [encoded; h] + b_T; logits W_y T + b_y.
    ``feedback="argmax"`` is an ablation: the gates see an embedding of the best tag in place of T, step by step.
    """

    def __init__(
        self, input_dim: int, hidden_size: int, tag_dim: int, tags: int, feedback: Literal["soft", "argmax"] = "soft"
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.gates_from_tag = nn.Linear(tag_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.tag_from_encoded = nn.Linear(input_dim, tag_dim)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim, bias=False)
        self.output = nn.Linear(tag_dim, tags)
        self.tag_embedding = nn.Embedding(tags, tag_dim) if feedback == "argmax" else None

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        if self.tag_embedding is not None:
            return self._step_by_step(encoded, self.tag_embedding)
        to_gates = self.gates_from_tag
        # The part of T that does not depend on the state is the LSTM's input, one token late; the first has T = 0.
        tags = self.tag_from_encoded(encoded)
        from_state = self.gates_from_state.weight + to_gates.weight @ self.tag_from_state.weight
        states = fused_lstm(F.pad(tags[:, :-1], (0, 0, 1, 0)), to_gates.weight, from_state, to_gates.bias)
        return self.output(tags + self.tag_from_state(states))

    def _step_by_step(self, encoded: Tensor, embedding: nn.Embedding) -> Tensor:
        state = cell = encoded.new_zeros(len(encoded), self.hidden_size)
        fed_back = encoded.new_zeros(len(encoded), embedding.embedding_dim)
        logits = []
        for tag in self.tag_from_encoded(encoded).unbind(dim=1):
            gates = self.gates_from_tag(fed_back) + self.gates_from_state(state)
            i, f, candidate, o = gates.chunk(4, dim=-1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(candidate)
            state = torch.sigmoid(o) * torch.tanh(cell)
            logits.append(self.output(tag + self.tag_from_state(state)))
            fed_back = embedding(logits[-1].argmax(dim=-1))
        return torch.stack(logits, dim=1)


class PlainTagDecoder(nn.Module):
    """HMT's decoder without tag feedback: [batch, length, input_dim] -> tag logits [batch, length, tags].

    The "traditional decoder" of Wei et al. (2019, section 3.2.2), which "only takes encoded vector as input": the gates
    see the encoded token and the state h of the token before. T and the logits are as in Eq. 3-4.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int) -> None:
        super().__init__()
        self.gates_from_encoded = nn.Linear(input_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.tag_from_encoded = nn.Linear(input_dim, tag_dim)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim, bias=False)
        self.output = nn.Linear(tag_dim, tags)

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        gates = self.gates_from_encoded
        states = fused_lstm(encoded, gates.weight, self.gates_from_state.weight, gates.bias)
        return self.output(self.tag_from_encoded(encoded) + self.tag_from_state(states))


class LSTMTagDecoder(nn.Module):
    """The decoder of Zheng et al. (2017, section 3.3): [batch, length, input_dim] -> logits [batch, length, tags].

    The gates see the encoded token, and the state h and the tag vector T = W_T h + b_T of the token before. In the
    paper the output gate sees the cell of the same token in place of T; no fused kernel offers such a peephole, so that
    here all four gates see the same.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int) -> None:
        super().__init__()
        self.gates_from_encoded = nn.Linear(input_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.gates_from_tag = nn.Linear(tag_dim, 4 * hidden_size, bias=False)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim)
        self.output = nn.Linear(tag_dim, tags)

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        to_gates, tag = self.gates_from_tag.weight, self.tag_from_state
        weight = torch.cat((self.gates_from_encoded.weight, (to_gates @ tag.bias).unsqueeze(1)), dim=1)
        # The bias of T reaches every token but the first, which has no T before it.
        has_before = torch.ones_like(encoded[:, :, :1])
        has_before[:, 0] = 0
        inputs = torch.cat((encoded, has_before), dim=2)
        from_state = self.gates_from_state.weight + to_gates @ tag.weight
        return self.output(tag(fused_lstm(inputs, weight, from_state, self.gates_from_encoded.bias)))


def fused_lstm(inputs: Tensor, from_input: Tensor, from_state: Tensor, bias: Tensor) -> Tensor:
    """A one-layer LSTM with the given weights, gates in torch's order (input, forget, cell, output), from zero states.

    ``inputs`` [batch, length, d], ``from_input`` [4 h, d], ``from_state`` [4 h, h], ``bias`` [4 h]
    -> [batch, length, h].
    """
    with full_precision_on_cpu(inputs, from_input, from_state, bias) as (inputs, from_input, from_state, bias):
        zeros = inputs.new_zeros(1, len(inputs), from_state.shape[1])
        weights = [from_input, from_state, bias, torch.zeros_like(bias)]
        return torch.lstm(inputs, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]
