"""The dependency trees of a batch as matrices."""

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
_NUMBERS = {name: number for number, name in enumerate(RELATIONS)}


class Graph(NamedTuple):
    """Which tokens hear which others.

    ``neighbours`` are matrices [batch, length, length], one for each direction: row t says with what weight token t
    hears each token. ``messages`` [batch, length, sorts] are the summed weights of what it hears, by sort of message.
    """

    neighbours: tuple[Tensor, ...]
    messages: Tensor


class DependencyGraph:
    """Makes the graph of a batch, in which a token hears its head, its dependents and itself.

    Undirected, they are one direction; else three: itself, the head, the dependents. The messages of a direction are
    one sort; with ``labels`` those over edges are of a sort for each universal relation and one for any other. ``mean``
    divides the weights, which are 1, by the number of messages that the token gets. A sentence may have several roots.
    """

    def __init__(self, directed: bool, labels: bool, normalization: Normalization) -> None:
        self.directed, self.labels, self.normalization = directed, labels, normalization
        self.directions = 3 if directed else 1
        self.sorts = 1 + (self.directions + 1) // 2 * LABELS if labels else self.directions

    def index(self, example: Example) -> Arrays:
        """``dependency_heads`` and, with labels, ``dependency_labels``: [length].

        Raises DataError for a sentence without ``heads``, or without the ``deprels`` that are the labels.
        """
        if example.heads is None or (self.labels and example.deprels is None):
            raise DataError(_missing(example))
        arrays = {"dependency_heads": np.array(example.heads, dtype=np.int32)}
        if self.labels:
            numbers = [_NUMBERS.get(name.partition(":")[0], OTHER) for name in example.deprels or ()]
            arrays["dependency_labels"] = np.array(numbers, dtype=np.int8)
        return arrays

    def of(self, batch: Batch, dtype: torch.dtype) -> Graph:
        """The graph of the batch's trees. Padding hears, and is heard by, itself alone."""
        below = dependents(batch["dependency_heads"], dtype)
        above = below.transpose(1, 2)
        itself = torch.eye(below.shape[1], dtype=dtype, device=below.device).expand_as(below)
        neighbours = (itself, above, below) if self.directed else (itself + above + below,)
        heard = torch.stack([matrix.sum(dim=-1) for matrix in neighbours], dim=-1)
        messages = self._labelled(batch["dependency_labels"], below) if self.labels else heard
        if self.normalization == "sum":
            return Graph(neighbours, messages)
        number = heard.sum(dim=-1, keepdim=True)
        return Graph(tuple(matrix / number for matrix in neighbours), messages / number)

    def _labelled(self, labels: Tensor, below: Tensor) -> Tensor:
        """How many messages each token gets: from itself, and over edges of each label. [batch, length, sorts]."""
        has_head = below.sum(dim=1).unsqueeze(-1)
        from_head = one_hot(labels, LABELS).to(below) * has_head
        from_dependents = below @ from_head
        edges = (from_head, from_dependents) if self.directed else (from_head + from_dependents,)
        return torch.cat((torch.ones_like(has_head), *edges), dim=-1)


def dependents(heads: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers of heads, 0 for roots and padding -> [batch, length, length], 1 where the row is the column's head."""
    batch, length = heads.shape
    governed = torch.zeros(batch, length + 1, length, dtype=dtype, device=heads.device)
    return governed.scatter_(1, heads.unsqueeze(1), 1.0)[:, 1:]


def _missing(example: Example) -> str:
    name, remedy = (
        ("heads", "give the experiment a dependency_parser, such as { type: 'stanza' }")
        if example.heads is None
        else ("deprels", "it has heads: data that give heads must give deprels too, or 'gcn' do without labels")
    )
    return f"a sentence has no {name}, which the encoder 'gcn' needs: {' '.join(example.tokens)[:80]!r}; {remedy}"


@Seq2SeqEncoder.register("gcn")
class GCNEncoder(Seq2SeqEncoder):
    """Graph convolution (Kipf & Welling 2017) over the dependency tree. [batch, length, hidden_size].

    A layer gives token t relu(sum of W o_v + b over v in N(t)), where N(t) are its head, its dependents and t itself:
    a plain sum, with the bias inside it (bidirection-interactive Seq2Seq, Eq. 1). ``normalization: mean`` divides it by
    the size of N(t). ``directed`` gives what comes from t itself, its head and its dependents a W and b of their own;
    ``labels`` gives the edges of each universal dependency relation their own b (Marcheggiani & Titov 2017), whose
    subtypes, such as ``nmod:poss``, are not told apart. ``dropout`` acts on what each layer gives, ``residual`` adds
    what the layer was given. ``hidden_size`` is ``input_dim`` unless told otherwise.

    Reads the ``heads`` (and ``deprels``) of the data or of the experiment's ``dependency_parser``. Raises DataError
    for a sentence without them.
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
            raise ValueError(f"residual needs vectors of one size; {input_dim} come in, hidden_size is {hidden_size}")
        self.graph = DependencyGraph(directed, labels, normalization)
        sizes = [input_dim] + [self.output_dim] * (layers - 1)
        self.layers = nn.ModuleList(
            GraphConvolution(size, self.output_dim, self.graph.directions, self.graph.sorts) for size in sizes
        )
        self.dropout = nn.Dropout(dropout)
        self.residual = residual

    def index(self, example: Example) -> Arrays:
        """The edges of its tree. Raises DataError for a sentence without ``heads``, or without labels if they count."""
        return self.graph.index(example)

    def encode(self, inputs: Tensor, batch: Batch) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, hidden_size], zero at padding."""
        graph = self.graph.of(batch, inputs.dtype)
        states = inputs
        for layer in self.layers:
            given = self.dropout(layer(states, graph))
            states = states + given if self.residual else given
        return states * batch.mask.unsqueeze(-1)


class GraphConvolution(nn.Module):
    """One layer: a weight matrix for each direction that messages come from, a bias for each sort of message."""

    def __init__(self, input_dim: int, output_dim: int, directions: int, sorts: int) -> None:
        super().__init__()
        self.weights = nn.Linear(directions * input_dim, output_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(sorts, output_dim))

    def forward(self, states: Tensor, graph: Graph) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim]."""
        heard = torch.cat([matrix @ states for matrix in graph.neighbours], dim=-1)
        return (self.weights(heard) + graph.messages @ self.bias).relu()
