"""How RIN updates the features of a task with what the tasks have in common: one step for each token and round."""

from typing import Literal

import torch
from torch import Tensor, nn

Updating = Literal["gru", "torch_gru", "rnn", "linear"]


class GatedUpdater(nn.Module):
    """The paper's gated unit (Sun et al. 2020, Eq. 4-7), without biases.

    It is no ``nn.GRUCell``: its gate u acts on the features before they are projected, and z weighs the new ones.
    """

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, 3 * size, bias=False)
        self.gates_from_features = nn.Linear(size, 2 * size, bias=False)
        self.candidate_from_features = nn.Linear(size, size, bias=False)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        size = features.shape[-1]
        gate_inputs, candidate_inputs = self.from_input(inputs).split((2 * size, size), dim=-1)
        z, u = torch.sigmoid(gate_inputs + self.gates_from_features(features)).chunk(2, dim=-1)
        candidate = torch.tanh(candidate_inputs + self.candidate_from_features(u * features))
        return torch.lerp(features, candidate, z)


class GRUCellUpdater(nn.Module):
    """``nn.GRUCell`` (Cho et al. 2014) for each token."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(input_dim, size)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return self.cell(inputs.flatten(0, -2), features.flatten(0, -2)).view_as(features)


class RNNUpdater(nn.Module):
    """tanh(W [h; x] + b), the unit without gates of Figure 3."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, size)
        self.from_features = nn.Linear(size, size, bias=False)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return torch.tanh(self.from_input(inputs) + self.from_features(features))


class LinearUpdater(nn.Module):
    """W h + b, blind to the other task: the ablation that Table 5 calls -gamma."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_features = nn.Linear(size, size)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """The features [..., size] -> the new features [..., size]."""
        return self.from_features(features)


UPDATERS: dict[Updating, type[nn.Module]] = {
    "gru": GatedUpdater,
    "torch_gru": GRUCellUpdater,
    "rnn": RNNUpdater,
    "linear": LinearUpdater,
}
