"""Long short-term memory networks over a sentence, and reading in both directions."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.kernels.lstm import full_precision_on_cpu
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes

Directions = Literal["concatenated", "averaged"]
ReadRows = Callable[[Tensor], Tensor]  # [batch, length, input_dim] -> [batch, length, size], each row from its start


def read_both_directions(
    ahead: ReadRows, back: ReadRows | None, inputs: Tensor, mask: Tensor, directions: Directions = "concatenated"
) -> Tensor:
    """Read each sentence from its start with ``ahead`` and from its end with ``back``: -> [batch, length, size].

    ``back`` reads rows reversed within their own length, so padding stays behind the tokens and reaches no state of
    theirs. For LSTMs this equals ``nn.LSTM(bidirectional=True)`` over packed sequences, and is twice as fast on a CPU.
    """
    from_end = None if back is None else reverse(back(reverse(inputs, mask)), mask)
    from_start = ahead(inputs)
    if from_end is None:
        return from_start
    return torch.cat((from_start, from_end), dim=-1) if directions == "concatenated" else (from_start + from_end) / 2


def reverse(inputs: Tensor, mask: Tensor) -> Tensor:
    """Reverse the tokens of each sentence and leave its padding in place: [batch, length, dim]."""
    lengths = mask.sum(dim=1, keepdim=True)
    places = torch.arange(inputs.shape[1], device=inputs.device).expand(len(inputs), -1)
    mirrored = torch.where(mask, lengths - 1 - places, places)
    return inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))


@Seq2SeqEncoder.register("lstm")
class LSTMEncoder(Seq2SeqEncoder):
    """Encode with a (bidirectional) LSTM: [batch, length, input_dim] -> [batch, length, output_dim].

    ``output_dim`` is ``hidden_size``, or twice that for two concatenated directions. Source: Hochreiter & Schmidhuber
    (1997). Each direction is a ``nn.LSTM`` of one layer; two of them equal ``nn.LSTM(bidirectional=True)`` over packed
    sequences.

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size of the state of one direction.
        layers: Number of layers. Each reads both directions of the layer below.
        bidirectional: Read each sentence from its end too.
        directions: Concatenate the states of the two directions, or average them.
        dropout: Dropout between layers.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        hidden_size: int,
        layers: int = 1,
        bidirectional: bool = True,
        directions: Directions = "concatenated",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size, layers=layers)
        self.directions = directions
        self.dropout = nn.Dropout(dropout)
        self.output_dim = hidden_size * (2 if bidirectional and directions == "concatenated" else 1)
        sizes = [input_dim] + [self.output_dim] * (layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes if bidirectional)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim]."""
        states = inputs
        for layer, ahead in enumerate(self.forwards):
            states = self.dropout(states) if layer else states
            back = _states_of(self.backwards[layer]) if self.backwards else None
            states = read_both_directions(_states_of(ahead), back, states, mask, self.directions)
        return states * mask.unsqueeze(-1)


def _states_of(lstm: nn.Module) -> Callable[[Tensor], Tensor]:
    def states(inputs: Tensor) -> Tensor:
        with full_precision_on_cpu(inputs) as (exact,):
            made: Tensor = lstm(exact)[0]
        return made

    return states


@Seq2SeqEncoder.register("peephole_lstm")
class PeepholeLSTMEncoder(Seq2SeqEncoder):
    """Encode with a bidirectional peephole LSTM: [batch, length, input_dim] -> [batch, length, 2 * hidden_size].

    The gates see the cell (Gers & Schmidhuber 2000; HMT, Wei et al. 2019, Eq. 1). No fused kernel has peepholes: this
    encoder runs step by step, several times slower than ``lstm``.

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size of the state of one direction.
    """

    def __init__(self, input_dim: Injected[int], hidden_size: int) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        self.output_dim = 2 * hidden_size
        self.forwards = PeepholeLSTM(input_dim, hidden_size)
        self.backwards = PeepholeLSTM(input_dim, hidden_size)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, 2 * hidden_size]."""
        return read_both_directions(self.forwards, self.backwards, inputs, mask) * mask.unsqueeze(-1)


class PeepholeLSTM(nn.Module):
    """Read in one direction (HMT, Eq. 1). The peepholes p are diagonal; p_o sees the new cell."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, 4 * hidden_size)
        self.from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peephole = nn.Parameter(torch.zeros(3, hidden_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> the states h [batch, length, hidden_size]."""
        p_f, p_i, p_o = self.peephole  # [hidden_size] each
        h = c = inputs.new_zeros(len(inputs), self.peephole.shape[1])  # [batch, hidden_size]
        states = []
        for from_x in self.from_input(inputs).unbind(dim=1):  # W x_t + b: [batch, 4 * hidden_size]
            f, i, z, o = (from_x + self.from_state(h)).chunk(4, dim=-1)  # W x_t + U h_{t-1} + b of each gate
            f = torch.sigmoid(f + p_f * c)
            i = torch.sigmoid(i + p_i * c)
            c = f * c + i * torch.tanh(z)
            h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
            states.append(h)
        return torch.stack(states, dim=1)
