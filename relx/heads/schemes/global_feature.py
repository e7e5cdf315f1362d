"""A feature of the whole sentence beside each of its tokens (PFN, Yan et al. 2021, section 3.3)."""

from torch import Tensor, nn


class GlobalFeature(nn.Module):
    """Compute h_g = max_t tanh(W h_t + b) over the real tokens t of a sentence, ``hidden_size`` features."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, hidden_size)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Give each token the feature of its sentence: [batch, length, input_dim] -> [batch, length, hidden_size]."""
        features = self.linear(inputs).tanh().masked_fill(~mask.unsqueeze(-1), -1)  # tanh is above -1
        return features.amax(dim=1, keepdim=True).expand(-1, inputs.shape[1], -1)
