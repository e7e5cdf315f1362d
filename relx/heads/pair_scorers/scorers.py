"""The pair scorers of the papers. ``reference`` is a paper's equation for a pair; the base classes are the fast paths.

``SumPairScorer`` is exact for logits a(h_i) + b(h_j): no table is ever needed. ``HiddenPairScorer`` multiplies the two
halves of W [h_i; h_j] once for each token, not once for each pair.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.spans import TableCells
from relx.heads.pair_scorers.scorer import PairScorer, logit
from relx.kernels.pair_sums import blocks_above, softplus_of_sums
from relx.registry import Injected
from relx.utils.argument_checks import require_shares, require_sizes
from relx.utils.dropout import Dropout


class SumPairScorer(PairScorer):
    """Score pairs by a(h_i) + b(h_j), bias included, so that every question to the table is one to its parts.

    It cannot hold two pairs of one relation without one of the two pairs across: their logits sum to the same.
    """

    is_sum = True

    def heads(self, inputs: Tensor) -> Tensor:
        """Return the head term a: [..., input_dim] -> [..., num_relations]."""
        raise NotImplementedError

    def tails(self, inputs: Tensor) -> Tensor:
        """Return the tail term b: [..., input_dim] -> [..., num_relations]."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]."""
        return self.heads(inputs).unsqueeze(2) + self.tails(inputs).unsqueeze(1)

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """Add the parts of these pairs."""
        return self.heads(inputs).index_select(1, head) + self.tails(inputs).index_select(1, tail)

    def max_over_tails(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Use one greatest tail part for every head: max_j (a_i + b_j) = a_i + max_j b_j."""
        return self.heads(inputs) + _masked(self.tails(inputs), mask).amax(dim=1, keepdim=True)

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        """Compute the same sum as every scorer, mostly in closed form."""
        heads, tails, cells = self.heads(inputs), self.tails(inputs), TableCells.unpadded(gold)
        gold_heads = heads[cells.sentence, cells.head, cells.relation]
        gold_tails = tails[cells.sentence, cells.tail, cells.relation]
        return softplus_of_sums(_masked(heads, mask), _masked(tails, mask)) - gold_heads.sum() - gold_tails.sum()

    def predict(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[TableCells, Tensor]:
        """Make tables only for the relations whose greatest logit in a sentence reaches the threshold."""
        heads, tails = _masked(self.heads(inputs), mask), _masked(self.tails(inputs), mask)
        sentence, relation = blocks_above(heads, tails, logit(threshold)).nonzero(as_tuple=True)
        table = heads[sentence, :, relation].unsqueeze(2) + tails[sentence, :, relation].unsqueeze(1)
        block, head, tail = (table >= logit(threshold)).nonzero(as_tuple=True)
        return TableCells(sentence[block], head, tail, relation[block]), table[block, head, tail].sigmoid()


def _masked(parts: Tensor, mask: Tensor) -> Tensor:
    # Added, since masked_fill is several times slower on a CPU; no gradient comes back from -inf.
    return parts + torch.where(mask, 0.0, -math.inf).to(parts.dtype).unsqueeze(-1)


@PairScorer.register("linear")
class LinearPairScorer(SumPairScorer):
    """Score pairs by W_m [h_i; h_j] + b_m: [batch, length, input_dim] -> [batch, length, length, num_relations].

    Source: Cascade-SRN (Wang et al. 2022, Eq. 13). The score is a sum a(h_i) + b(h_j): it cannot hold two pairs of one
    relation without one of the two pairs across.

    Args:
        input_dim: Size of the vectors of the tokens.
        num_relations: Number of logits of a pair.
        bias: Initial value of b_m, where the logits of all relations start.
    """

    def __init__(self, input_dim: Injected[int], num_relations: Injected[int], bias: float = -10.0) -> None:
        super().__init__()
        self.num_relations = num_relations
        self.head = nn.Linear(input_dim, num_relations)
        self.tail = nn.Linear(input_dim, num_relations, bias=False)
        nn.init.constant_(self.head.bias, bias)

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """Eq. 13: [..., input_dim] twice -> [..., num_relations]."""
        W_m = torch.cat((self.head.weight, self.tail.weight), dim=1)  # [num_relations, 2 * input_dim]
        return F.linear(torch.cat((h_i, h_j), dim=-1), W_m, self.head.bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """Multiply h_i by the left half of W_m and add b_m."""
        return self.head(inputs)

    def tails(self, inputs: Tensor) -> Tensor:
        """Multiply h_j by the right half of W_m."""
        return self.tail(inputs)


@PairScorer.register("decomposed")
class DecomposedPairScorer(SumPairScorer):
    """Score pairs by W_p relu([W_m h_i; W_r h_j]) + b: [batch, length, d] -> [batch, length, length, num_relations].

    Source: RIN (Sun et al. 2020, Eq. 9-10). The score is a sum a(h_i) + b(h_j): no table is ever needed, and it cannot
    hold two pairs of one relation without one of the two pairs across.

    Args:
        input_dim: Size d of the vectors of the tokens.
        num_relations: Number of logits of a pair.
        hidden_size: Rows of W_m and of W_r, by default ``input_dim``.
        bias: Initial value of b, where the logits of all relations start.
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

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """Eq. 9-10: [..., input_dim] twice -> [..., num_relations]."""
        m = torch.cat((self.head_hidden(h_i), self.tail_hidden(h_j)), dim=-1).relu()  # [..., 2 * hidden_size]
        W_p = torch.cat((self.head_output.weight, self.tail_output.weight), dim=1)  # [num_relations, 2 * hidden_size]
        return F.linear(m, W_p, self.head_output.bias)

    def heads(self, inputs: Tensor) -> Tensor:
        """Multiply relu(W_m h_i) by the left half of W_p and add b."""
        return self.head_output(torch.relu(self.head_hidden(inputs)))

    def tails(self, inputs: Tensor) -> Tensor:
        """Multiply relu(W_r h_j) by the right half of W_p."""
        return self.tail_output(torch.relu(self.tail_hidden(inputs)))


class HiddenPairScorer(PairScorer):
    """Score pairs by W_p activation(W_m [h_i; h_j] + b_m) + b, W_m [h_i; h_j] being a head's and a tail's part."""

    def __init__(
        self, input_dim: int, num_relations: int, hidden_size: int | None, activation: nn.Module, bias: float
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        hidden_size = hidden_size or input_dim
        self.num_relations = num_relations
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size, bias=False)
        self.activation = activation
        self.output = nn.Linear(hidden_size, num_relations)
        nn.init.constant_(self.output.bias, bias)

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """[..., input_dim] twice -> [..., num_relations]."""
        W_m = torch.cat((self.head.weight, self.tail.weight), dim=1)  # [hidden_size, 2 * input_dim]
        m = F.linear(torch.cat((h_i, h_j), dim=-1), W_m, self.head.bias)  # [..., hidden_size]
        return self.output(self.activation(m))

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]."""
        hidden = self.head(inputs).unsqueeze(2) + self.tail(inputs).unsqueeze(1)
        return self.output(self.activation(hidden))

    def score_pairs(self, inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """Make the hidden layer of these pairs only."""
        hidden = self.head(inputs).index_select(1, head) + self.tail(inputs).index_select(1, tail)
        return self.output(self.activation(hidden))

    @property
    def width(self) -> int:
        """That of the hidden layer, or of the logits."""
        return max(self.output.in_features, self.num_relations)


@PairScorer.register("concat_mlp")
class ConcatMLPPairScorer(HiddenPairScorer):
    """Score pairs by W_p relu(W_m [h_i; h_j] + b_m) + b: [batch, length, d] -> [batch, length, length, num_relations].

    Source: RIN's later version (Sun et al., EMNLP 2020, Eq. 7).

    Args:
        input_dim: Size d of the vectors of the tokens.
        num_relations: Number of logits of a pair.
        hidden_size: Rows of W_m, by default ``input_dim``.
        bias: Initial value of b, where the logits of all relations start.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
    ) -> None:
        super().__init__(input_dim, num_relations, hidden_size, nn.ReLU(inplace=True), bias)


@PairScorer.register("pfn_mlp")
class PFNPairScorer(HiddenPairScorer):
    """Score pairs by W_p ELU(dropout(LayerNorm(W_m [h_i; h_j] + b_m))) + b, as the partition filter network does.

    [batch, length, d] -> [batch, length, length, num_relations]. Source: Yan et al. (2021), section 3.3. Checked
    against the authors' ``model/pfn.py`` (``ner_unit``, ``re_unit``): layer norm, then dropout, then ELU. There the
    feature of the sentence is a third vector beside h_i and h_j. A head that has one sets it beside every token; the
    two blocks of W_m for it add up to one.

    Args:
        input_dim: Size d of the vectors of the tokens.
        num_relations: Number of logits of a pair.
        hidden_size: Rows of W_m, by default ``input_dim``.
        bias: Initial value of b, where the logits of all relations start.
        dropout: Dropout on the hidden layer of each pair, before ELU.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        num_relations: Injected[int],
        hidden_size: int | None = None,
        bias: float = -10.0,
        dropout: float = 0.0,
    ) -> None:
        require_sizes(hidden_size=hidden_size)
        require_shares(dropout=dropout)
        activation = nn.Sequential(nn.LayerNorm(hidden_size or input_dim), Dropout(dropout), nn.ELU(inplace=True))
        super().__init__(input_dim, num_relations, hidden_size, activation, bias)

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """Section 3.3, y_ij without its sigmoid: [..., input_dim] twice -> [..., num_relations]."""
        W_m = torch.cat((self.head.weight, self.tail.weight), dim=1)  # [hidden_size, 2 * input_dim]
        layer_norm, dropout, elu = self.activation.children()  # in the order of the public code
        m = elu(dropout(layer_norm(F.linear(torch.cat((h_i, h_j), dim=-1), W_m, self.head.bias))))
        return self.output(m)  # W_p m + b


@PairScorer.register("biaffine")
class BiaffinePairScorer(PairScorer):
    """Score pairs by [g_i; 1]' U_r [g_j; 1] with g_i = relu(W_m h_i + b_m), g_j = relu(W_r h_j + b_r).

    [batch, length, d] -> [batch, length, length, num_relations]. Source: Dozat & Manning (2017).

    Args:
        input_dim: Size d of the vectors of the tokens.
        num_relations: Number of logits of a pair.
        hidden_size: Rows of W_m and of W_r, by default ``input_dim``.
        bias: Initial value of the corner of each U_r, where the logits of all relations start.
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
        self.head = nn.Linear(input_dim, hidden_size)
        self.tail = nn.Linear(input_dim, hidden_size)
        self.weight = nn.Parameter(torch.empty(num_relations, hidden_size + 1, hidden_size + 1))
        nn.init.uniform_(self.weight, -1 / (hidden_size + 1), 1 / (hidden_size + 1))
        nn.init.constant_(self.weight[:, -1, -1], bias)

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        """[..., input_dim] twice -> [..., num_relations]."""
        one = h_i.new_ones(*h_i.shape[:-1], 1)
        g_i = torch.cat((self.head(h_i).relu(), one), dim=-1)  # [..., hidden_size + 1]
        g_j = torch.cat((self.tail(h_j).relu(), one), dim=-1)
        return torch.einsum("...d,rde,...e->...r", g_i, self.weight, g_j)

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, length, num_relations]. Multiplies U once for each head."""
        heads, tails = (F.pad(layer(inputs).relu(), (0, 1), value=1.0) for layer in (self.head, self.tail))
        turned = torch.einsum("bid,rde->bire", heads, self.weight)
        return torch.einsum("bire,bje->bijr", turned, tails)
