"""Convolutions over a sequence, and the strongest answer of each filter."""

from functools import partial

import torch
from torch import Tensor, nn

from relx.encoders.seq2vec.encoder import Seq2VecEncoder
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes


@Seq2VecEncoder.register("cnn")
class CNNEncoder(Seq2VecEncoder):
    """relu(convolution) of each width, maximum over places (Kim 2014): -> [batch, filters * number of widths].

    A sequence shorter than a filter is filled up with zeros to the filter's width.
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
        answers = map(partial(_strongest, channels, mask), self.convolutions, self.widths)
        return torch.cat(list(answers), dim=-1)


def _strongest(channels: Tensor, mask: Tensor, convolution: nn.Module, width: int) -> Tensor:
    missing = max(0, width - channels.shape[2])
    answers = torch.relu(convolution(nn.functional.pad(channels, (0, missing))))
    lengths = mask.sum(dim=1, keepdim=True)
    starts = torch.arange(answers.shape[2], device=mask.device)
    # A window that reaches into the padding would let a batch's other sentences change the answer.
    whole = (starts <= lengths - width) | ((starts == 0) & (lengths > 0))
    return (answers * whole.unsqueeze(1)).amax(dim=2)
