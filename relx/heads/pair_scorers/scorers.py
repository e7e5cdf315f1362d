"""Scorers whose logits are a part of the head plus a part of the tail: no table is ever needed."""

import math

import torch
from torch import Tensor, nn

from relx.heads.pair_scorers.kernels import blocks_above, softplus_of_sums
from relx.heads.pair_scorers.scorer import PairScorer, TableCells, logit
from relx.registry import Injected
from relx.utils.argument_checks import require_shares, require_sizes


class SumPairScorer(PairScorer):
    """a(h) + b(h'), bias included. It makes every question to the table a question to its parts.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    """

    is_sum = True

    def heads(self, inputs: Tensor) -> Tensor:
        """The part of each token as head: [..., input_dim] -> [..., num_relations]."""
        raise NotImplementedError

    def tails(self, inputs: Tensor) -> Tensor:
        """The part of each token as tail: [..., input_dim] -> [..., num_relations]."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]."""
        return self.heads(inputs).unsqueeze(2) + self.tails(inputs).unsqueeze(1)

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The sums of these parts."""
        return self.heads(inputs).index_select(1, head) + self.tails(inputs).index_select(1, tail)

    def max_over_tails(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The greatest tail part serves every head: max_j (a_i + b_j) = a_i + max_j b_j."""
        return self.heads(inputs) + _masked(self.tails(inputs), mask).amax(dim=1, keepdim=True)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """The same sum as every scorer's, mostly in closed form."""
        heads, tails, cells = self.heads(inputs), self.tails(inputs), TableCells.unpadded(gold)
        of_heads = heads[cells.sentence, cells.head, cells.relation]
        of_tails = tails[cells.sentence, cells.tail, cells.relation]
        return softplus_of_sums(_masked(heads, mask), _masked(tails, mask)) - of_heads.sum() - of_tails.sum()

    def predict(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[TableCells, Tensor]:
        """Only relations whose greatest logit in a sentence reaches the threshold are looked at."""
        heads, tails = _masked(self.heads(inputs), mask), _masked(self.tails(inputs), mask)
        sentence, relation = blocks_above(heads, tails, logit(threshold)).nonzero(as_tuple=True)
        table = heads[sentence, :, relation].unsqueeze(2) + tails[sentence, :, relation].unsqueeze(1)
        block, head, tail = (table >= logit(threshold)).nonzero(as_tuple=True)
        return TableCells(sentence[block], head, tail, relation[block]), table[block, head, tail].sigmoid()


def _masked(parts: Tensor, mask: Tensor) -> Tensor:
    # Added, since masked_fill is several times slower on a CPU; no gradient comes back from -inf.
    return parts + torch.where(mask, 0.0, -math.inf).to(parts.dtype).unsqueeze(-1)


@PairScorer.register("decomposed")
class DecomposedPairScorer(SumPairScorer):
    """W_p [relu(W_m h); relu(W_r h')] + b (Sun et al. 2020), which is a(h) + b(h'): no table is ever needed.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    ``bias`` is where the logits of all relations start.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.num_relations = num_relations
        self.head_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.tail_hidden = nn.Linear(input_dim, hidden_size, bias=False)
        self.head_output = nn.Linear(hidden_size, num_relations)
        self.tail_output = nn.Linear(hidden_size, num_relations, bias=False)
        nn.init.constant_(self.head_output.bias, bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., num_relations]."""
        return self.head_output(torch.relu(self.head_hidden(inputs)))

    def tails(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., num_relations]."""
        return self.tail_output(torch.relu(self.tail_hidden(inputs)))


class HiddenPairScorer(PairScorer):
    """W activation(A h + B h' + c) + b: the hidden layer of a pair is the sum of a head's and a tail's part."""

    def make(
        self, input_dim: int, hidden_size: int | None, num_relations: int, activation: nn.Module, bias: float
    ) -> None:
        """Make the layers. Raises ValueError for a size below 1."""
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.num_relations = num_relations
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size, bias=False)
        self.activation = activation
        self.output = nn.Linear(hidden_size, num_relations)
        nn.init.constant_(self.output.bias, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]."""
        hidden = self.head(inputs).unsqueeze(2) + self.tail(inputs).unsqueeze(1)
        return self.output(self.activation(hidden))

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """The hidden layer is made of these pairs only."""
        hidden = self.head(inputs).index_select(1, head) + self.tail(inputs).index_select(1, tail)
        return self.output(self.activation(hidden))

    @property
    def width(self) -> int:
        """That of the hidden layer, or of the logits."""
        return max(self.output.in_features, self.num_relations)


@PairScorer.register("concat_mlp")
class ConcatMLPPairScorer(HiddenPairScorer):
    """W_p relu(W_m [h; h'] + b_m) + b, the scorer of RIN's later version (Sun et al., EMNLP 2020, Eq. 7)."""

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        self.make(input_dim, hidden_size, num_relations, nn.ReLU(inplace=True), bias)


@PairScorer.register("pfn_mlp")
class PFNPairScorer(HiddenPairScorer):
    """W_p ELU(dropout(LayerNorm(W_m [h; h'] + b_m))) + b, the scorer of the partition filter network (Yan et al. 2021).

    Dropout before ELU is that of the public code.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        require_shares(dropout=dropout)
        norm = nn.LayerNorm(hidden_size or input_dim)
        activation = nn.Sequential(norm, nn.Dropout(dropout), nn.ELU(inplace=True))
        self.make(input_dim, hidden_size, num_relations, activation, bias)


@PairScorer.register("biaffine")
class BiaffinePairScorer(PairScorer):
    """[g; 1]' U_r [g'; 1] with g = relu(W_m h), g' = relu(W_r h') (Dozat & Manning 2017); ``bias`` is U_r's corner."""

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.num_relations = num_relations
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size)
        self.weight = nn.Parameter(torch.empty(num_relations, hidden_size + 1, hidden_size + 1))
        nn.init.uniform_(self.weight, -1 / (hidden_size + 1), 1 / (hidden_size + 1))
        nn.init.constant_(self.weight[:, -1, -1], bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]."""
        heads, tails = (nn.functional.pad(layer(inputs).relu(), (0, 1), value=1.0) for layer in (self.head, self.tail))
        turned = torch.einsum("bid,rde->bire", heads, self.weight)
        return torch.einsum("bire,bje->bijr", turned, tails)


@PairScorer.register("linear")
class LinearPairScorer(SumPairScorer):
    """W [h; h'] + b (Wang et al. 2022, Eq. 13). It has the limit of all sums, for which see ``decomposed``."""

    def __init__(self, input_dim: Injected[int], num_relations: Injected[int], bias: float = -10.0) -> None:
        super().__init__()
        self.num_relations = num_relations
        self.head = nn.Linear(input_dim, num_relations)
        self.tail = nn.Linear(input_dim, num_relations, bias=False)
        nn.init.constant_(self.head.bias, bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., num_relations]."""
        return self.head(inputs)

    def tails(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] -> [..., num_relations]."""
        return self.tail(inputs)
