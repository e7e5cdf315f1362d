"""The scorer without a hidden layer (Cascade-SRN, Wang et al. 2022, Eq. 13)."""

from torch import Tensor, nn

from relx.heads.pair_scorers.scorer import PairScorer
from relx.heads.pair_scorers.sums import SumPairScorer
from relx.registry import Injected


@PairScorer.register("linear")
class LinearPairScorer(SumPairScorer):
    """W [h; h'] + b (Wang et al. 2022, Eq. 13). It has the limit of all sums, for which see ``additive``."""

    def __init__(self, input_dim: Injected[int], relations: Injected[int], bias: float = -10.0) -> None:
        super().__init__()
        self.relations = relations
        self.head = nn.Linear(input_dim, relations)
        self.tail = nn.Linear(input_dim, relations, bias=False)
        nn.init.constant_(self.head.bias, bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., relations]."""
        return self.head(inputs)

    def tails(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., relations]."""
        return self.tail(inputs)
