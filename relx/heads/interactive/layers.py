"""The two recurrent layers of the bidirection-interactive Seq2Seq model: M decoders in a row, three steps each.

The steps of a decoder are the relation, the head and the tail of a triple. What is said of ``steps`` numbers those of
all decoders from 0 to 3 M - 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

AttentionForm = Literal["tanh", "linear", "linear_selu"]
CopyForm = Literal["selu", "linear", "linear_selu"]

HIDDEN = ("tanh", "selu")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "selu": torch.selu, "linear_selu": torch.selu}


class WordScorer(nn.Module):
    """f([h; o_i] W_1) W_2 for a state h and each word o_i, all of one ``size``.

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

    def forward(self, states: Tensor, words: Tensor) -> Tensor:
        """States [batch, steps, size] and what ``from_word`` made of the words [batch, length, hidden], once for all
        states -> [batch, steps, length]."""
        hidden = self.from_state(states).unsqueeze(2) + words.unsqueeze(1)
        return self.output(self.activation(hidden) if self.activation else hidden).squeeze(-1)


class Attention(nn.Module):
    """The mean of a sentence's words as a state weighs them."""

    def __init__(self, size: int, form: AttentionForm) -> None:
        super().__init__()
        self.scorer = WordScorer(size, form)

    def over(self, words: Tensor, mask: Tensor) -> Callable[[Tensor], Tensor]:
        """The attention to these words [batch, length, size]: a function of states [batch, size] -> [batch, size].

        That of a sentence without words is zero.
        """
        projected, real = self.scorer.from_word(words), words * mask.unsqueeze(-1)

        def attend(state: Tensor) -> Tensor:
            scores = self.scorer(state.unsqueeze(1), projected)
            weights = scores.masked_fill(~mask.unsqueeze(1), torch.finfo(scores.dtype).min).softmax(dim=-1)
            return torch.bmm(weights, real).squeeze(1)

        return attend


STEPS = 3

Weights = Literal["separate", "cells", "shared"]
Start = Literal["averaged", "carried"]
State = tuple[Tensor, Tensor]
Context = Callable[[int, Tensor], Tensor]
Inputs = Callable[[int, Tensor, Tensor | None], Tensor]
Feed = Callable[[int, Tensor | None], Tensor]


class Sentences(NamedTuple):
    """Encoded sentences: ``words`` [batch, length, size], the ``mask`` of real ones, their ``mean`` [batch, size]."""

    words: Tensor
    mask: Tensor
    mean: Tensor

    def state(self) -> State:
        """The state with which the first decoder starts, [batch, size] twice: the mean of the words, an empty cell."""
        return self.mean, torch.zeros_like(self.mean)


@dataclass(frozen=True)
class Decoders:
    """How many decoders there are, which weights each of them owns, and how each starts.

    ``separate``: each decoder owns its LSTM cells, its attention and its output layers, as each MultiDecoder of
    CopyRE's public code does in a variable scope of its own. ``cells``: it owns its LSTM cells only, as in the
    MultiDecoder of CopyMTL's public code. ``shared``: all decoders have the same weights.

    The start is the mean of the sentence's state and the last state of the decoder before it (``averaged``), or the
    latter as it is (``carried``). The first decoder starts with the sentence's state.
    """

    count: int
    weights: Weights
    start: Start

    def make(self, module: Callable[[], nn.Module]) -> nn.ModuleList:
        """A module for each decoder if all weights are separate, else one for all."""
        return nn.ModuleList(module() for _ in range(self.count if self.weights == "separate" else 1))

    def make_cells(self, module: Callable[[], nn.Module]) -> nn.ModuleList:
        """LSTM cells for each decoder, or the same for all if all weights are shared."""
        return nn.ModuleList(module() for _ in range(1 if self.weights == "shared" else self.count))

    def begin(self, sentence: State, before: State) -> State:
        """The first state of every decoder but the first, from the last one of the decoder before it."""
        if self.start == "carried":
            return before
        return (sentence[0] + before[0]) / 2, (sentence[1] + before[1]) / 2


class DecoderChain(nn.Module):
    """The LSTM cells of the decoders."""

    def __init__(self, input_dim: int, size: int, decoders: Decoders) -> None:
        super().__init__()
        self.decoders = decoders
        self.cells = decoders.make_cells(lambda: nn.LSTMCell(input_dim, size))

    def forward(self, sentence: State, inputs: Inputs) -> Tensor:
        """-> the states of all steps, [batch, 3 M, size].

        ``inputs`` makes the input of a step, [batch, input_dim], from the state with which the step starts and from the
        state of the step before it, if there was one; they differ where a decoder starts.
        """
        states: list[Tensor] = []
        state = sentence
        for step in range(STEPS * self.decoders.count):
            if states and step % STEPS == 0:
                state = self.decoders.begin(sentence, state)
            cell = self.cells[step // STEPS % len(self.cells)]
            state = cell(inputs(step, state[0], states[-1] if states else None), state)
            states.append(state[0])
        return torch.stack(states, dim=1)


class AttentionChain(nn.Module):
    """The attention of each decoder."""

    def __init__(self, size: int, decoders: Decoders, form: AttentionForm) -> None:
        super().__init__()
        self.attentions = decoders.make(lambda: Attention(size, form))

    def over(self, sentences: Sentences) -> Context:
        """What the decoder of a step sees of the sentences in a state: a function of step and state [batch, size]."""
        looks = [one.over(sentences.words, sentences.mask) for one in self.attentions]  # type: ignore
        return lambda step, state: looks[step // STEPS % len(looks)](state)


class InteractiveLayer(nn.Module):
    """Eq. 2: each step attends to the sentence; each decoder is read forwards and backwards, the states averaged.

    c_t is attended by the forward state before t. The forward cells read c_1, c_2, c_3, the backward cells the same
    from c_3 to c_1. The paper's W c_t has no nonlinearity before the LSTM's own weights and is taken as a part of them.
    """

    def __init__(self, size: int, decoders: Decoders, attention: AttentionForm) -> None:
        super().__init__()
        self.attention = AttentionChain(size, decoders, attention)
        self.forwards = DecoderChain(size, size, decoders)
        self.backwards = DecoderChain(size, size, decoders)

    def forward(self, sentences: Sentences) -> Tensor:
        """-> h^D1 of all steps, [batch, 3 M, size]."""
        attend, contexts = self.attention.over(sentences), []

        def look(step: int, state: Tensor, _: Tensor | None) -> Tensor:
            contexts.append(attend(step, state))
            return contexts[-1]

        ahead = self.forwards(sentences.state(), look)
        mirrored = [step + STEPS - 1 - 2 * (step % STEPS) for step in range(len(contexts))]
        back = self.backwards(sentences.state(), lambda step, *_: contexts[mirrored[step]])
        return (ahead + back[:, mirrored]) / 2


class DecodeLayer(nn.Module):
    """h^D2: each step reads the vector of what the step before wrote.

    It also reads what it attends to, if there is an ``attention``, and h^D1 of its own step if ``interactive``.
    """

    def __init__(self, size: int, decoders: Decoders, attention: AttentionForm | None, interactive: bool) -> None:
        super().__init__()
        self.attention = AttentionChain(size, decoders, attention) if attention is not None else None
        parts = 1 + (attention is not None) + interactive
        self.chain = DecoderChain(parts * size, size, decoders)

    def forward(self, sentences: Sentences, interactive: Tensor | None, feed: Feed) -> Tensor:
        """-> h^D2 of all steps, [batch, 3 M, size].

        ``interactive`` is h^D1, [batch, 3 M, size], or None without that layer. ``feed`` makes the vector of what the
        step before wrote, [batch, size], from the number of the step and the state of the step before it, None for the
        first step.
        """
        attend = self.attention.over(sentences) if self.attention is not None else None

        def inputs(step: int, state: Tensor, before: Tensor | None) -> Tensor:
            parts = [feed(step, before)]
            if attend is not None:
                parts.append(attend(step, state))
            if interactive is not None:
                parts.append(interactive[:, step])
            return torch.cat(parts, dim=-1)

        return self.chain(sentences.state(), inputs)
