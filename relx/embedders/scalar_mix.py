"""A learnt mixture of layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ScalarMix(nn.Module):
    """scale * sum of softmax(weights)_k * layer_k (Peters et al. 2018); at first the mean of the layers."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The mixture of tensors of one shape."""
        return torch.stack(tuple(layers), dim=-1) @ (self.scale * self.weights.softmax(dim=0))
