"""Graph convolution over dependency trees."""

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.sizes import require_sizes
from relx.encoders.seq2seq.dependency_graph import DependencyGraph, Graph, Normalization
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.registry import Injected


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
