"""What must hold of every part: neither padding nor neighbors change an answer, and gradients are as they should be."""

import torch
from torch import Tensor, nn

from relx.data.batch import Batch

LENGTHS = (5, 1, 7, 0, 3, 7)


def padded_inputs(dim: int, lengths: tuple[int, ...] = LENGTHS) -> tuple[Tensor, Tensor]:
    """Random sequences in float64 and their mask. The padding holds numbers too: an encoder must not read them."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=torch.float64)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return inputs, mask


def encoded(encoder: nn.Module, inputs: Tensor, mask: Tensor) -> Tensor:
    """What an encoder makes of vectors, as a model has it made."""
    return encoder.encode(inputs, Batch({}, mask, [])) if hasattr(encoder, "encode") else encoder(inputs, mask)


def assert_ignores_padding(encoder: nn.Module, dim: int) -> None:
    """Each sequence is encoded as if it were alone, and batches may be permuted."""
    encoder = encoder.double().eval()
    inputs, mask = padded_inputs(dim)
    together = encoded(encoder, inputs, mask)
    for row, length in enumerate(LENGTHS):
        shown = max(1, length)
        alone = encoded(encoder, inputs[row : row + 1, :shown], mask[row : row + 1, :shown])[0]
        there = together[row, :shown] if together.dim() == 3 else together[row]
        torch.testing.assert_close(there, alone, rtol=0, atol=1e-10)
    order = torch.randperm(len(LENGTHS), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(encoded(encoder, inputs[order], mask[order]), together[order], rtol=0, atol=1e-10)


def assert_same_gradients(ours: Tensor, theirs: Tensor, module: nn.Module, rtol: float, atol: float) -> None:
    """Two scalars are equal up to the share ``rtol``, and so are their gradients of all parameters up to ``atol``."""
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=0)
    wanted = list(module.parameters())
    gradients = (torch.autograd.grad(out, wanted) for out in (ours, theirs))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=atol)


def assert_every_parameter_learns(module: nn.Module, output: Tensor) -> None:
    """A gradient reaches every parameter, and is neither zero nor infinite."""
    module.zero_grad()
    (output * torch.randn_like(output)).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
