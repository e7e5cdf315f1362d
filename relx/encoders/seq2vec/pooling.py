"""Pool the vectors of a sequence into one."""

import torch
from torch import Tensor, nn

from relx.encoders.seq2vec.encoder import Seq2VecEncoder
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes


class PoolingEncoder(Seq2VecEncoder):
    """Keep the size of the vectors: [batch, length, input_dim] -> [batch, input_dim]."""

    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim


@Seq2VecEncoder.register("mean")
class MeanEncoder(PoolingEncoder):
    """Take the mean of the vectors: -> [batch, input_dim].

    Args:
        input_dim: Size of the vectors of the sequence.
    """

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, input_dim]."""
        total = (inputs * mask.unsqueeze(-1)).sum(dim=1)
        return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


@Seq2VecEncoder.register("max")
class MaxEncoder(PoolingEncoder):
    """Take the largest value of each dimension: -> [batch, input_dim].

    Args:
        input_dim: Size of the vectors of the sequence.
    """

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, input_dim]."""
        largest = inputs.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(dim=1)
        return torch.where(mask.any(dim=1, keepdim=True), largest, 0)


@Seq2VecEncoder.register("last")
class LastEncoder(PoolingEncoder):
    """Take the last vector: -> [batch, input_dim].

    Args:
        input_dim: Size of the vectors of the sequence.
    """

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, input_dim]."""
        last = (mask.sum(dim=1) - 1).clamp(min=0)
        return inputs[torch.arange(len(inputs), device=inputs.device), last] * mask.any(dim=1, keepdim=True)


@Seq2VecEncoder.register("attention")
class AttentionEncoder(PoolingEncoder):
    """Take the mean weighted by softmax(v tanh(W x)): -> [batch, input_dim].

    Source: additive self-attention with one hop, Lin et al. (2017).

    Args:
        input_dim: Size of the vectors of the sequence.
        hidden_size: Rows of W.
    """

    def __init__(self, input_dim: Injected[int], hidden_size: int = 50) -> None:
        super().__init__(input_dim)
        require_sizes(hidden_size=hidden_size)
        self.scorer = nn.Sequential(nn.Linear(input_dim, hidden_size), nn.Tanh(), nn.Linear(hidden_size, 1, bias=False))

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, input_dim]."""
        scores = self.scorer(inputs).masked_fill(~mask.unsqueeze(-1), torch.finfo(inputs.dtype).min)
        return (scores.softmax(dim=1) * inputs * mask.unsqueeze(-1)).sum(dim=1)
