"""Scorers with a hidden layer for each pair of tokens."""

from torch import Tensor, nn

from relx.data.sizes import require_shares, require_sizes
from relx.heads.pair_scorers.scorer import PairScorer
from relx.registry import Injected


class HiddenPairScorer(PairScorer):
    """W activation(A h + B h' + c) + b: the hidden layer of a pair is the sum of a head's and a tail's part."""

    def make(self, input_dim: int, hidden_size: int | None, relations: int, activation: nn.Module, bias: float) -> None:
        """Make the layers. Raises ValueError for a size below 1."""
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.relations = relations
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size, bias=False)
        self.activation = activation
        self.output = nn.Linear(hidden_size, relations)
        nn.init.constant_(self.output.bias, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, relations]."""
        hidden = self.head(inputs).unsqueeze(2) + self.tail(inputs).unsqueeze(1)
        return self.output(self.activation(hidden))

    def of_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The hidden layer is made of these pairs only."""
        hidden = self.head(inputs).index_select(1, head) + self.tail(inputs).index_select(1, tail)
        return self.output(self.activation(hidden))

    @property
    def width(self) -> int:
        """That of the hidden layer, or of the logits."""
        return max(self.output.in_features, self.relations)


@PairScorer.register("relu_sum")
class ReluSumPairScorer(HiddenPairScorer):
    """W_p relu(W_m [h; h'] + b_m) + b, the scorer of RIN's later version (Sun et al., EMNLP 2020, Eq. 7)."""

    def __init__(
        self,
        input_dim: Injected[int],
        relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        self.make(input_dim, hidden_size, relations, nn.ReLU(inplace=True), bias)


@PairScorer.register("mlp")
class MLPPairScorer(HiddenPairScorer):
    """W_p ELU(dropout(LayerNorm(W_m [h; h'] + b_m))) + b, the scorer of the partition filter network (Yan et al. 2021).

    Dropout before ELU is that of the public code.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        require_shares(dropout=dropout)
        norm = nn.LayerNorm(hidden_size or input_dim)
        activation = nn.Sequential(norm, nn.Dropout(dropout), nn.ELU(inplace=True))
        self.make(input_dim, hidden_size, relations, activation, bias)
