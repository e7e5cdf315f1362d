"""The interactive layer and the decode layer: M decoders in a row, each with a step for relation, head and tail.

o_i is an encoded word, c_t the context that step t attends to, h^D1_t and h^D2_t are the states of the two layers. All
have the same size d. Step t of decoder m has the index 3 m + t among the steps of all decoders.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

AttentionForm = Literal["tanh", "linear", "linear_selu"]
CopyForm = Literal["selu", "linear", "linear_selu"]
Weights = Literal["separate", "cells", "shared"]
Start = Literal["averaged", "carried"]
State = tuple[Tensor, Tensor]

RELATION, HEAD, TAIL = STEPS = range(3)

HIDDEN = ("tanh", "selu")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "selu": torch.selu, "linear_selu": torch.selu}


class EncodedWords(NamedTuple):
    """Encoded sentences: ``words`` o_i [batch, length, d], their ``mask`` [batch, length] and ``mean`` [batch, d]."""

    words: Tensor
    mask: Tensor
    mean: Tensor

    def state(self) -> State:
        """Return the state in which the first decoder starts, the mean and an empty cell: [batch, d] each."""
        return self.mean, torch.zeros_like(self.mean)


@dataclass(frozen=True)
class Decoders:
    """How many decoders there are, which weights each of them owns, and how each starts.

    ``weights``: with ``separate`` each decoder owns its LSTM cells, its attention and its output layers, as in CopyRE's
    public code, which builds each decoder of MultiDecoder in a variable scope of its own. With ``cells`` it owns its
    LSTM cells only, as in the MultiDecoder of CopyMTL's public code. With ``shared`` all have the same weights.

    ``start``: a decoder starts with the mean of the sentence's state and the last state of the decoder before it
    (``averaged``), or with the latter (``carried``). The first decoder starts with the sentence's state. With
    ``restart`` the first step of each decoder reads the start vector; otherwise only that of the first decoder does.
    """

    count: int
    weights: Weights
    start: Start
    restart: bool

    def modules(self, make: Callable[[], nn.Module]) -> nn.ModuleList:
        """Make a module for each decoder if all weights are separate, otherwise one for all."""
        return nn.ModuleList(make() for _ in range(self.count if self.weights == "separate" else 1))

    def cells(self, input_dim: int, size: int) -> nn.ModuleList:
        """Make an LSTM cell for each decoder, or one for all if all weights are shared."""
        return nn.ModuleList(nn.LSTMCell(input_dim, size) for _ in range(1 if self.weights == "shared" else self.count))

    def initial_state(self, sentence: State, last: State | None) -> State:
        """Return the state in which a decoder starts; ``last`` is the last state of the decoder before it."""
        if last is None:
            return sentence
        if self.start == "carried":
            return last
        return (sentence[0] + last[0]) / 2, (sentence[1] + last[1]) / 2


def of_decoder(parts: Any, m: int) -> Any:
    """Return what belongs to decoder ``m``: of several parts one each, a single one serves all decoders."""
    return parts[m % len(parts)]


class WordScorer(nn.Module):
    """Score each word for a state: q_i = f([h; o_i] W_1) W_2 (Eq. 3), computed as f(h W_h + o_i W_o) W_2.

    With ``form="linear"`` it is [h; o_i] w, and with ``"linear_selu"`` selu([h; o_i] w), as in CopyRE's code. In both,
    a word's rank depends on o_i w alone, because the state adds the same number to all words and selu keeps the order:
    ``ranks_by_state`` is false.
    """

    def __init__(self, size: int, form: AttentionForm | CopyForm) -> None:
        super().__init__()
        self.ranks_by_state = form in HIDDEN
        hidden = size if self.ranks_by_state else 1
        self.activation = ACTIVATIONS.get(form)
        self.from_state = nn.Linear(size, hidden, bias=False)
        self.from_word = nn.Linear(size, hidden, bias=False)
        self.output = nn.Linear(hidden, 1, bias=False) if self.ranks_by_state else nn.Identity()

    def forward(self, h: Tensor, projected: Tensor) -> Tensor:
        """Compute q of all words: h [batch, steps, d] -> [batch, steps, length].

        ``projected`` is from_word(o) [batch, length, hidden], which is computed once for all states.
        """
        hidden = self.from_state(h).unsqueeze(2) + projected.unsqueeze(1)  # [batch, steps, length, hidden]
        return self.output(self.activation(hidden) if self.activation else hidden).squeeze(-1)


class AttendedWords(NamedTuple):
    """What an attention computes once for all states: o_i W_o [batch, length, hidden], and o_i, zero at padding."""

    projected: Tensor
    words: Tensor
    mask: Tensor


class Attention(nn.Module):
    """Attend to the words of a sentence from a state: c = sum_i a_i o_i, a = softmax(q)."""

    def __init__(self, size: int, form: AttentionForm) -> None:
        super().__init__()
        self.scorer = WordScorer(size, form)

    def project(self, encoded: EncodedWords) -> AttendedWords:
        """Compute what all states share."""
        words, mask = encoded.words, encoded.mask
        return AttendedWords(self.scorer.from_word(words), words * mask.unsqueeze(-1), mask)

    def forward(self, h: Tensor, attended: AttendedWords) -> Tensor:
        """Compute c: h [batch, d] -> [batch, d]; zero for a sentence without words."""
        q = self.scorer(h.unsqueeze(1), attended.projected)  # [batch, 1, length]
        a = q.masked_fill(~attended.mask.unsqueeze(1), torch.finfo(q.dtype).min).softmax(dim=-1)
        return torch.bmm(a, attended.words).squeeze(1)


class InteractiveLayer(nn.Module):
    """Read each decoder forwards and backwards (Eq. 2): h^D1_t = BiLSTM(W c_t, h^D1_{t-1}).

    c_t is attended by the forward state before t. The forward cells read c_1, c_2, c_3, the backward cells the same
    from c_3 to c_1, and h^D1_t is the mean of both states. The paper's W c_t has no nonlinearity before the LSTM's own
    weights and is taken as a part of them.
    """

    def __init__(self, size: int, decoders: Decoders, attention: AttentionForm) -> None:
        super().__init__()
        self.decoders = decoders
        self.attentions = decoders.modules(lambda: Attention(size, attention))
        self.forward_cells = decoders.cells(size, size)
        self.backward_cells = decoders.cells(size, size)

    def forward(self, encoded: EncodedWords) -> Tensor:
        """Compute h^D1 of all steps: -> [batch, 3 M, d]."""
        sentence = encoded.state()
        attended = [attention.project(encoded) for attention in self.attentions]  # type: ignore[operator]
        contexts: list[Tensor] = []
        ahead: list[Tensor] = []
        back: list[Tensor] = []
        last = None
        for m in range(self.decoders.count):
            attend, cell = of_decoder(self.attentions, m), of_decoder(self.forward_cells, m)
            h, c = self.decoders.initial_state(sentence, last)
            for _ in STEPS:
                contexts.append(attend(h, of_decoder(attended, m)))  # c_t [batch, d]
                h, c = cell(contexts[-1], (h, c))
                ahead.append(h)
            last = h, c
        last = None
        for m in range(self.decoders.count):
            cell = of_decoder(self.backward_cells, m)
            h, c = self.decoders.initial_state(sentence, last)
            of_steps: list[Tensor] = []
            for t in reversed(STEPS):
                h, c = cell(contexts[len(STEPS) * m + t], (h, c))
                of_steps.insert(0, h)
            back += of_steps
            last = h, c
        return (torch.stack(ahead, dim=1) + torch.stack(back, dim=1)) / 2


class StepInputs(Protocol):
    """Make the input of each step of the decode layer: y_0 = ``start``, then ``__call__`` of the step before."""

    start: Tensor

    def __call__(self, m: int, t: int, h: Tensor) -> Tensor:
        """Return y_t [batch, d], the vector of what step t of decoder m writes in the state h^D2_t [batch, d]."""


class DecodeLayer(nn.Module):
    """Read what the step before wrote: h^D2_t = LSTM([y_{t-1}; c_t; h^D1_t], h^D2_{t-1}).

    c_t is there if there is an ``attention``, and h^D1_t if ``interactive``.
    """

    def __init__(self, size: int, decoders: Decoders, attention: AttentionForm | None, interactive: bool) -> None:
        super().__init__()
        self.decoders = decoders
        self.attentions = decoders.modules(lambda: Attention(size, attention)) if attention is not None else None
        self.cells = decoders.cells((1 + (attention is not None) + interactive) * size, size)

    def forward(self, encoded: EncodedWords, interactive: Tensor | None, inputs: StepInputs) -> Tensor:
        """Compute h^D2 of all steps: ``interactive`` is h^D1 [batch, 3 M, d], if there is such a layer -> the same."""
        sentence, y = encoded.state(), inputs.start
        attended = [attention.project(encoded) for attention in self.attentions or ()]  # type: ignore[operator]
        states: list[Tensor] = []
        last = None
        for m in range(self.decoders.count):
            h, c = self.decoders.initial_state(sentence, last)
            y = inputs.start if self.decoders.restart else y
            for t in STEPS:
                parts = [y]
                if self.attentions is not None:
                    parts.append(of_decoder(self.attentions, m)(h, of_decoder(attended, m)))  # c_t [batch, d]
                if interactive is not None:
                    parts.append(interactive[:, len(STEPS) * m + t])  # h^D1_t [batch, d]
                h, c = of_decoder(self.cells, m)(torch.cat(parts, dim=-1), (h, c))
                y = inputs(m, t, h)
                states.append(h)
            last = h, c
        return torch.stack(states, dim=1)
