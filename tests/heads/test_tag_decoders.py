"""The fused decoders against the equations as the papers write them."""

from collections.abc import Callable

import literal
import pytest
import torch
from padding import assert_every_parameter_learns
from torch import Tensor, nn

from relx.heads.hmt import TagDecoder
from relx.heads.novel_tagging import LSTMTagDecoder

Literal = Callable[[Tensor, nn.Module], Tensor]

DECODERS = {
    "soft": (lambda: TagDecoder(4, 3, 2, 5), literal.tag_decoder),
    "argmax": (lambda: TagDecoder(4, 3, 2, 5, feedback="argmax"), literal.tag_decoder),
    "none": (lambda: TagDecoder(4, 3, 2, 5, feedback="none"), literal.tag_decoder),
    "lstm": (lambda: LSTMTagDecoder(4, 3, 2, 5), literal.lstm_tag_decoder),
}


@pytest.fixture(params=DECODERS)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Literal]:
    torch.manual_seed(1)
    make, equations = DECODERS[request.param]
    decoder = make().double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    return decoder, equations


def encoded_tokens(batch: int = 3, length: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(batch, length, 4, dtype=torch.float64, generator=generator).requires_grad_()


@pytest.mark.parametrize("length", [1, 2, 6])
def test_it_equals_its_equations_and_the_literal_ones_outputs_and_gradients(
    case: tuple[nn.Module, Literal], length: int
) -> None:
    decoder, literally = case
    encoded = encoded_tokens(length=length)
    fused = decoder(encoded)
    direction = torch.randn_like(fused)
    wanted = [encoded, *decoder.parameters()]
    for reference in (decoder.reference(encoded), torch.stack([literally(sentence, decoder) for sentence in encoded])):
        torch.testing.assert_close(fused, reference, rtol=0, atol=1e-12)
        for ours, theirs in zip(*(_gradients(out, direction, wanted) for out in (fused, reference)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def _gradients(output: Tensor, direction: Tensor, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    found = torch.autograd.grad((output * direction).sum(), wanted, retain_graph=True, allow_unused=True)
    return tuple(torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True))


@pytest.mark.parametrize("name", ["soft", "none", "lstm"])
def test_gradients_equal_finite_differences(name: str) -> None:
    torch.manual_seed(3)
    decoder = DECODERS[name][0]().double()
    names = [name for name, _ in decoder.named_parameters()]

    def run(encoded: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(decoder, dict(zip(names, values, strict=True)), (encoded,))

    values = [parameter.detach().clone().requires_grad_() for parameter in decoder.parameters()]
    assert torch.autograd.gradcheck(run, (encoded_tokens(2, 3), *values))


def test_every_parameter_learns(case: tuple[nn.Module, Literal]) -> None:
    decoder, _ = case
    assert_every_parameter_learns(decoder, decoder(encoded_tokens()))


def test_without_gradients_the_answer_is_the_same(case: tuple[nn.Module, Literal]) -> None:
    decoder, _ = case
    encoded = encoded_tokens()
    with torch.inference_mode():
        answer = decoder(encoded)
    torch.testing.assert_close(answer.clone(), decoder(encoded).detach(), rtol=0, atol=1e-12)


def test_a_tag_depends_on_the_tags_before_it_and_on_no_later_token(case: tuple[nn.Module, Literal]) -> None:
    decoder, _ = case
    encoded = encoded_tokens().detach()
    changed = encoded.clone()
    changed[:, 3] = -5 * changed[:, 3]
    before, after = decoder(encoded), decoder(changed)
    torch.testing.assert_close(before[:, :3], after[:, :3], rtol=0, atol=1e-12)
    assert (before[:, 4] - after[:, 4]).abs().max() > 1e-6


def test_float32_agrees_with_float64() -> None:
    decoder = TagDecoder(30, 20, 10, 7)
    encoded = torch.randn(4, 12, 30)
    exact = decoder.double()(encoded.double())
    torch.testing.assert_close(decoder.float()(encoded), exact.float(), rtol=0, atol=1e-5)
