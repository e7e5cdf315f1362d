"""What a decoder's state says of each word of its sentence: attention, and the scores of copying."""

from collections.abc import Callable
from typing import Literal

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
