"""A component from outside relx."""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.registry import Injected


@Seq2SeqEncoder.register("gru")
class GRUEncoder(Seq2SeqEncoder):
    """Run a bidirectional GRU (Cho et al. 2014): [batch, length, input_dim] -> [batch, length, 2 * hidden_size].

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size of the state of each direction.
        layers: Number of layers.
        dropout: Dropout between layers.
    """

    def __init__(self, input_dim: Injected[int], hidden_size: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.output_dim = 2 * hidden_size
        self.gru = nn.GRU(input_dim, hidden_size, layers, batch_first=True, dropout=dropout, bidirectional=True)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=mask.shape[1])
        return states * mask.unsqueeze(-1)
