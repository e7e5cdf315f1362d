"""Long short-term memory networks over a sentence."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from relx.encoders.seq2seq.directions import Directions, join, read_backwards
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes
from relx.utils.precision import full_precision_on_cpu


@Seq2SeqEncoder.register("lstm")
class LSTMEncoder(Seq2SeqEncoder):
    """LSTM (Hochreiter & Schmidhuber 1997), in both directions unless told otherwise.

    [batch, length, input_dim] -> [batch, length, hidden_size], or twice that when two directions are concatenated.
    ``dropout`` acts between layers.
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
            # Two plain LSTMs and a gather are exact and twice as fast on a CPU as packed sequences.
            backward = read_backwards(_states_of(self.backwards[layer]), states, mask) if self.backwards else None
            states = join(_states_of(ahead)(states), backward, self.directions)
        return states * mask.unsqueeze(-1)


def _states_of(lstm: nn.Module) -> Callable[[Tensor], Tensor]:
    def states(inputs: Tensor) -> Tensor:
        with full_precision_on_cpu(inputs) as (exact,):
            made: Tensor = lstm(exact)[0]
        return made

    return states


@Seq2SeqEncoder.register("peephole_lstm")
class PeepholeLSTMEncoder(Seq2SeqEncoder):
    """Bidirectional LSTM whose gates see the cell (Gers & Schmidhuber 2000; HMT, Wei et al. 2019, Eq. 1).

    Peepholes are diagonal. No fused kernel has them: it runs step by step, several times slower than ``lstm``.
    [batch, length, input_dim] -> [batch, length, 2 * hidden_size].
    """

    def __init__(self, input_dim: Injected[int], hidden_size: int) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        self.output_dim = 2 * hidden_size
        self.forwards = PeepholeLSTM(input_dim, hidden_size)
        self.backwards = PeepholeLSTM(input_dim, hidden_size)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, 2 * hidden_size]."""
        backward = read_backwards(self.backwards, inputs, mask)
        return join(self.forwards(inputs), backward, "concatenated") * mask.unsqueeze(-1)


class PeepholeLSTM(nn.Module):
    """One direction of it: forget and input gate see the cell before, the output gate the cell after (HMT, Eq. 1)."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, 4 * hidden_size)
        self.from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peephole = nn.Parameter(torch.zeros(3, hidden_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, hidden_size]."""
        forget_peephole, input_peephole, output_peephole = self.peephole
        state = cell = inputs.new_zeros(len(inputs), self.peephole.shape[1])
        states = []
        for gates in self.from_input(inputs).unbind(dim=1):
            forget, keep, candidate, output = (gates + self.from_state(state)).chunk(4, dim=-1)
            forget = torch.sigmoid(forget + forget_peephole * cell)
            keep = torch.sigmoid(keep + input_peephole * cell)
            cell = forget * cell + keep * torch.tanh(candidate)
            state = torch.sigmoid(output + output_peephole * cell) * torch.tanh(cell)
            states.append(state)
        return torch.stack(states, dim=1)
