"""Convolutions over a sequence."""

from functools import partial

import torch
from torch import Tensor, nn

from relx.encoders.seq2vec.encoder import Seq2VecEncoder
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes


@Seq2VecEncoder.register("cnn")
class CNNEncoder(Seq2VecEncoder):
    """Take relu(convolution) of each width and its maximum over places: -> [batch, filters * number of widths].

    Source: Kim (2014). A sequence shorter than a filter is padded with zeros to the width of the filter.

    Args:
        input_dim: Size of the vectors of the sequence.
        filters: Number of filters of each width.
        widths: Widths of the filters, by default [3].
    """

    def __init__(self, input_dim: Injected[int], filters: int = 50, widths: list[int] | None = None) -> None:
        super().__init__()
        widths = [3] if widths is None else widths
        require_sizes(filters=filters, widths=min(widths, default=0))
        self.widths = widths
        self.convolutions = nn.ModuleList(nn.Conv1d(input_dim, filters, width) for width in widths)
        self.output_dim = filters * len(self.convolutions)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, output_dim]."""
        channels = (inputs * mask.unsqueeze(-1)).transpose(1, 2)
        features = map(partial(_max_over_places, channels, mask), self.convolutions, self.widths)
        return torch.cat(list(features), dim=-1)


def _max_over_places(channels: Tensor, mask: Tensor, convolution: nn.Module, width: int) -> Tensor:
    missing = max(0, width - channels.shape[2])
    features = torch.relu(convolution(nn.functional.pad(channels, (0, missing))))
    lengths = mask.sum(dim=1, keepdim=True)
    starts = torch.arange(features.shape[2], device=mask.device)
    # A window that reaches into the padding would let the other sentences of a batch change the result.
    whole = (starts <= lengths - width) | ((starts == 0) & (lengths > 0))
    return (features * whole.unsqueeze(1)).amax(dim=2)
