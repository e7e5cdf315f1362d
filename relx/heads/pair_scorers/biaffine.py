"""The biaffine scorer (Dozat & Manning 2017)."""

import torch
from torch import Tensor, nn

from relx.data.sizes import require_sizes
from relx.heads.pair_scorers.scorer import PairScorer
from relx.registry import Injected


@PairScorer.register("biaffine")
class BiaffinePairScorer(PairScorer):
    """[g; 1]' U_r [g'; 1] with g = relu(W_m h), g' = relu(W_r h') (Dozat & Manning 2017); ``bias`` is U_r's corner."""

    def __init__(
        self,
        input_dim: Injected[int],
        relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.relations = relations
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size)
        self.weight = nn.Parameter(torch.empty(relations, hidden_size + 1, hidden_size + 1))
        nn.init.uniform_(self.weight, -1 / (hidden_size + 1), 1 / (hidden_size + 1))
        nn.init.constant_(self.weight[:, -1, -1], bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, relations]."""
        heads, tails = (nn.functional.pad(layer(inputs).relu(), (0, 1), value=1.0) for layer in (self.head, self.tail))
        turned = torch.einsum("bid,rde->bire", heads, self.weight)
        return torch.einsum("bire,bje->bijr", turned, tails)
