"""Graph convolutions over dependency trees."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.errors import DataError
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes

Normalization = Literal["sum", "mean"]

# The relations of Universal Dependencies 2 that join two words: all but ``root``.
RELATIONS = (
    "acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "clf", "compound", "conj", "cop", "csubj",
    "dep", "det", "discourse", "dislocated", "expl", "fixed", "flat", "goeswith", "iobj", "list", "mark", "nmod",
    "nsubj", "nummod", "obj", "obl", "orphan", "parataxis", "punct", "reparandum", "vocative", "xcomp",
)  # fmt: skip
OTHER = len(RELATIONS)
LABELS = OTHER + 1
_INDEX = {name: index for index, name in enumerate(RELATIONS)}


@Seq2SeqEncoder.register("gcn")
class GCNEncoder(Seq2SeqEncoder):
    """Encode with graph convolutions over dependency trees: [batch, length, input_dim] -> [batch, length, hidden_size].

    A layer gives token t relu(sum of W o_v + b over v in N(t)), where N(t) are its head, its dependents and t itself: a
    plain sum, with the bias inside it (bidirection-interactive Seq2Seq, Eq. 1). Source: Kipf & Welling (2017); with
    ``directed`` and ``labels`` Marcheggiani & Titov (2017). ``reference`` writes the sum message by message; ``encode``
    takes it for a batch by adjacency matrices.

    Reads the dependency heads (and ``deprels``) of the data or of the experiment's ``dependency_parser``. Raises
    DataError for a sentence without them.

    Args:
        input_dim: Size of the vectors of the tokens.
        hidden_size: Size of the output of each layer, by default ``input_dim``.
        layers: Number of layers.
        normalization: ``mean`` divides the sum by the size of N(t).
        directed: Give messages from the token itself, from its head and from its dependents a W and b of their own.
        labels: Give each universal dependency relation a b of its own. Subtypes such as nmod:poss count as nmod.
        dropout: Dropout on the output of each layer.
        residual: Add the input of a layer to its output. Needs vectors of one size.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        hidden_size: int | None = None,
        layers: int = 1,
        normalization: Normalization = "sum",
        directed: bool = False,
        labels: bool = False,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size, layers=layers)
        self.output_dim = hidden_size or input_dim
        if residual and self.output_dim != input_dim:
            raise ValueError(f"residual needs hidden_size to equal the input size, {input_dim}; it is {hidden_size}")
        self.graph = DependencyGraph(directed, labels, normalization)
        sizes = [input_dim] + [self.output_dim] * (layers - 1)
        self.layers: Sequence[GraphConvolution] = nn.ModuleList(  # type: ignore[assignment]
            GraphConvolution(size, self.output_dim, self.graph.directions, self.graph.sorts) for size in sizes
        )
        self.dropout = nn.Dropout(dropout)
        self.residual = residual

    def index(self, example: Example) -> Arrays:
        """``dependency_heads`` and, with labels, ``dependency_labels``: [length].

        Raises DataError for a sentence without heads, or without the ``deprels`` that are the labels.
        """
        if example.dependency_heads is None or (self.graph.labels and example.deprels is None):
            raise DataError(_missing(example))
        arrays = {"dependency_heads": np.array(example.dependency_heads, dtype=np.int32)}
        if self.graph.labels:
            labels = [_INDEX.get(name.partition(":")[0], OTHER) for name in example.deprels or ()]
            arrays["dependency_labels"] = np.array(labels, dtype=np.int8)
        return arrays

    def encode(self, inputs: Tensor, batch: Batch) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, hidden_size], zero at padding."""
        graph = self.graph.build(batch, inputs.dtype)
        states = inputs
        for layer in self.layers:
            made = self.dropout(layer(states, graph))
            states = states + made if self.residual else made
        return states * batch.mask.unsqueeze(-1)

    def reference(self, o: Tensor, batch: Batch) -> Tensor:
        """Encode as ``encode`` does, message by message: o [batch, length, input_dim] -> [batch, length, hidden_size].

        Eq. 1: o_t of the next layer = relu(sum over v in N(t) of W_d o_v + b_l). The direction d of a message (from t
        itself, its head or a dependent) and its label l choose W and b, where the encoder has several.
        """
        graph = self.graph
        for layer in self.layers:
            W = layer.weights.weight.chunk(graph.directions, dim=1)  # [hidden_size, size of o] for each direction
            rows = []
            for sentence, messages in enumerate(graph.messages(batch)):
                sums = [o.new_zeros(self.output_dim) for _ in o[sentence]]  # [hidden_size] for each token
                size_of_N = [0] * len(sums)
                for t, v, d, label in messages:
                    sums[t] = sums[t] + W[d] @ o[sentence, v] + layer.bias[label]
                    size_of_N[t] += 1
                if graph.normalization == "mean":
                    sums = [total / size for total, size in zip(sums, size_of_N, strict=True)]
                rows.append(torch.stack(sums).relu())
            made = self.dropout(torch.stack(rows))  # [batch, length, hidden_size]
            o = o + made if self.residual else made
        return o * batch.mask.unsqueeze(-1)


class Graph(NamedTuple):
    """The graph of a batch: which tokens send messages to which others.

    ``neighbors`` are adjacency matrices [batch, length, length], one for each direction: row t holds the weight of the
    message from each token to t. ``messages`` [batch, length, sorts] sums these weights by sort of message.
    """

    neighbors: tuple[Tensor, ...]
    messages: Tensor


class DependencyGraph:
    """Make the graph of a batch: a token gets messages from its head, its dependents and itself.

    Undirected, they are one direction; else three: itself, the head, the dependents. The messages of a direction are
    one sort. With ``labels`` those over edges are of one sort for each universal relation and one for any other.
    ``mean`` divides the weights, which are 1, by the number of messages that the token gets. Sentences may have several
    roots.
    """

    def __init__(self, directed: bool, labels: bool, normalization: Normalization) -> None:
        self.directed, self.labels, self.normalization = directed, labels, normalization
        self.directions = 3 if directed else 1
        self.sorts = 1 + (self.directions + 1) // 2 * LABELS if labels else self.directions

    def messages(self, batch: Batch) -> Iterator[list[tuple[int, int, int, int]]]:
        """List the messages of each sentence: receiver t, sender v, direction and sort, the rows of W and b."""
        for sentence, heads in enumerate(batch["dependency_heads"].tolist()):
            found = [(t, t, 0, 0) for t in range(len(heads))]
            for t, head in enumerate(heads):
                if head:
                    label = int(batch["dependency_labels"][sentence, t]) if self.labels else 0
                    for receiver, sender, direction in ((t, head - 1, 1), (head - 1, t, 2)):
                        d = direction if self.directed else 0
                        sort = 1 + label + (LABELS if d == 2 else 0) if self.labels else d
                        found.append((receiver, sender, d, sort))
            yield found

    def build(self, batch: Batch, dtype: torch.dtype) -> Graph:
        """Return the graph of the batch's trees. Padding gets a message from itself only, and sends none to tokens."""
        below = dependents(batch["dependency_heads"], dtype)
        above = below.transpose(1, 2)
        itself = torch.eye(below.shape[1], dtype=dtype, device=below.device).expand_as(below)
        neighbors = (itself, above, below) if self.directed else (itself + above + below,)
        received = torch.stack([matrix.sum(dim=-1) for matrix in neighbors], dim=-1)
        messages = self._labeled(batch["dependency_labels"], below) if self.labels else received
        if self.normalization == "sum":
            return Graph(neighbors, messages)
        count = received.sum(dim=-1, keepdim=True)
        return Graph(tuple(matrix / count for matrix in neighbors), messages / count)

    def _labeled(self, labels: Tensor, below: Tensor) -> Tensor:
        """Count the messages of each token, from itself and over edges of each label: [batch, length, sorts]."""
        has_head = below.sum(dim=1).unsqueeze(-1)
        from_head = one_hot(labels, LABELS).to(below) * has_head
        from_dependents = below @ from_head
        edges = (from_head, from_dependents) if self.directed else (from_head + from_dependents,)
        return torch.cat((torch.ones_like(has_head), *edges), dim=-1)


class GraphConvolution(nn.Module):
    """Apply one layer: a weight matrix for each direction that messages come from, a bias for each sort of message."""

    def __init__(self, input_dim: int, output_dim: int, directions: int, sorts: int) -> None:
        super().__init__()
        self.weights = nn.Linear(directions * input_dim, output_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(sorts, output_dim))

    def forward(self, o: Tensor, graph: Graph) -> Tensor:
        """relu([A_d o for each direction d] W + M b): o [batch, length, input_dim] -> [batch, length, output_dim]."""
        received = torch.cat([A @ o for A in graph.neighbors], dim=-1)  # [batch, length, directions * input_dim]
        return (self.weights(received) + graph.messages @ self.bias).relu()


def dependents(heads: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn dependency heads (from 1; 0 for roots and padding) into a matrix: 1 where the row is the column's head.

    [batch, length] -> [batch, length, length].
    """
    batch, length = heads.shape
    governed = torch.zeros(batch, length + 1, length, dtype=dtype, device=heads.device)
    return governed.scatter_(1, heads.unsqueeze(1), 1.0)[:, 1:]


def _missing(example: Example) -> str:
    name, remedy = (
        ("heads", "give the experiment a dependency_parser, such as { type: 'stanza' }")
        if example.dependency_heads is None
        else ("deprels", "its data has heads but no deprels: add deprels, or use 'gcn' with labels: false")
    )
    return f"a sentence has no {name}, which the encoder 'gcn' needs: {' '.join(example.tokens)[:80]!r}; {remedy}"
