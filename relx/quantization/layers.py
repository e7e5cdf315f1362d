"""Linear layers whose products are bfloat16 or int8, in place of those of a transformer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.embedders.transformer import TransformerEmbedder
from relx.quantization.record import SCHEMES
from relx.utils.precision import has_bf16

LARGEST = 127
# A row of zeros has this step, so that it stays a row of zeros.
LEAST_STEP = 1e-12


class Bf16Linear(nn.Module):
    """A linear layer with weights and product in bfloat16: [..., in] -> [..., out] in the precision of its input.

    A processor without instructions for bfloat16 takes the product in the precision of the input.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().bfloat16(), requires_grad=False)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().bfloat16(), requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        dtype = torch.bfloat16 if has_bf16(inputs.device.type) else inputs.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        return F.linear(inputs.to(dtype), self.weight.to(dtype), bias).to(inputs.dtype)


class Int8Linear(nn.Module):
    """A linear layer with an int8 product: [..., in] -> [..., out] in the precision of its input.

    y_ij = s_i t_j (sum_k q_ik r_jk) + b_j, where q and r are int8. Each row of the weight has a step t_j. Each row of
    the input has a step s_i of its own, so the vector of a word does not depend on the sentences beside it. Both are
    the largest absolute value of the row over 127. On a GPU the product is that of the input's precision.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        step = weight.abs().amax(1).clamp_min(LEAST_STEP) / LARGEST
        codes = (weight / step.unsqueeze(1)).round().to(torch.int8)
        self.weight = nn.Parameter(codes, requires_grad=False)  # [out, in]
        self.step = nn.Parameter(step, requires_grad=False)  # [out]
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach(), requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        if inputs.device.type != "cpu":
            return F.linear(inputs, (self.weight * self.step.unsqueeze(1)).to(inputs.dtype), self.bias)
        rows = inputs.flatten(0, -2).float()  # [rows, in]
        step = rows.abs().amax(1, keepdim=True).clamp_min(LEAST_STEP) / LARGEST  # [rows, 1]
        codes = (rows / step).round_().to(torch.int8)
        product = torch._int_mm(codes, self.weight.t()).float().mul_(step)  # [rows, out]
        product = product.mul_(self.step) if self.bias is None else torch.addcmul(self.bias, product, self.step)
        return product.view(*inputs.shape[:-1], len(self.weight)).to(inputs.dtype)


LAYERS = {"bf16": Bf16Linear, "int8": Int8Linear}


def quantize(model: nn.Module, scheme: str) -> None:
    """Replace the linear layers of the model's transformers.

    The last product of a feed-forward network is known by its shape: it is the only one into fewer numbers.
    """
    replaced: dict[int, nn.Module] = {}
    for embedder in transformers_of(model):
        for parent in list(embedder.transformer.modules()):
            for name, layer in parent.named_children():
                if type(layer) is nn.Linear:
                    precision = SCHEMES[scheme][layer.in_features > layer.out_features]
                    if precision != "float32":
                        setattr(parent, name, replaced.setdefault(id(layer), LAYERS[precision](layer)))


def transformers_of(model: nn.Module) -> list[TransformerEmbedder]:
    """Return the embedders of a model that are transformers."""
    return [part for part in model.modules() if isinstance(part, TransformerEmbedder)]
