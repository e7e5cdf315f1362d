"""The scorer of RIN (Sun et al. 2020, Eq. 9-10)."""

import torch
from torch import Tensor, nn

from relx.data.sizes import require_sizes
from relx.heads.pair_scorers.scorer import PairScorer
from relx.heads.pair_scorers.sums import SumPairScorer
from relx.registry import Injected


@PairScorer.register("additive")
class AdditivePairScorer(SumPairScorer):
    """W_p [relu(W_m h); relu(W_r h')] + b (Sun et al. 2020), which is a(h) + b(h'): no table is ever needed.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    ``bias`` is where the logits of all relations start.
    """

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
        self.head_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.tail_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.head_output = nn.Linear(hidden_size, relations)
        self.tail_output = nn.Linear(hidden_size, relations, bias=False)
        nn.init.constant_(self.head_output.bias, bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., relations]."""
        return self.head_output(torch.relu(self.head_hidden(inputs)))

    def tails(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., relations]."""
        return self.tail_output(torch.relu(self.tail_hidden(inputs)))
