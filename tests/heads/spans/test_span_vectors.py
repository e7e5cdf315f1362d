import random

import pytest
import torch
from span_equations import numbers_of, spans_of
from torch import Tensor
from torch.nn import functional as F

from relx.heads.spans.classifier import endpoints_of_spans, enumerate_spans, max_of_spans
from relx.heads.spe import ConvolutionOfSpan
from relx.kernels.range_maximum import max_over

ROWS, LENGTH, DIM = 3, 11, 4


def vectors() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(ROWS, LENGTH, DIM, generator=generator, dtype=torch.float64).requires_grad_()


def ranges() -> list[tuple[int, int, int]]:
    """Every range of every row, and some without tokens."""
    return [(row, start, last) for row in range(ROWS) for start in range(LENGTH) for last in range(start - 2, LENGTH)]


def test_the_maximum_over_any_range_is_that_of_its_tokens_and_so_are_the_gradients() -> None:
    h = vectors()
    found = max_over(h, *torch.tensor(ranges()).unbind(1))
    expected = torch.stack(
        [h[row, start : last + 1].amax(0) if last >= start else h.new_zeros(DIM) for row, start, last in ranges()]
    )
    assert torch.equal(found, expected)
    pull = torch.randn_like(found)
    ours, theirs = (torch.autograd.grad((value * pull).sum(), h)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_no_range_at_all() -> None:
    none = torch.zeros(0, dtype=torch.long)
    assert max_over(vectors(), none, none, none).shape == (0, DIM)
    assert max_over(torch.zeros(2, 1, 3), torch.tensor([1]), torch.tensor([0]), torch.tensor([-1])).tolist() == [
        [0] * 3
    ]


def test_pooled_spans() -> None:
    h, spans = vectors(), spans_of([(0, 0, 2, 5), (2, 0, 3, 3), (1, 0, 0, 10)])
    tokens = [h[0, 2:6], h[2, 3:4], h[1]]
    assert torch.equal(max_of_spans(h, spans), torch.stack([t.amax(0) for t in tokens]))
    assert torch.equal(endpoints_of_spans(h, spans), torch.stack([torch.cat((t[0], t[-1])) for t in tokens]))


def test_a_convolution_sees_the_tokens_of_its_span_only() -> None:
    torch.manual_seed(1)
    pooling, h = ConvolutionOfSpan(DIM, 5, (2, 3, 4)).double(), vectors()
    for row, start, last in ranges():
        (found,) = pooling(h, spans_of([(row, 0, start, last)]))
        expected = []
        for convolution, width in zip(pooling.convolutions, pooling.widths, strict=True):
            tokens = h[row, start : last + 1]
            tokens = F.pad(tokens, (0, 0, 0, max(0, width - len(tokens))))
            windows = F.gelu(convolution(tokens.T.unsqueeze(0)))[0]
            expected.append(windows.amax(1) if last >= start else windows.new_zeros(5))
        torch.testing.assert_close(found, torch.cat(expected), rtol=0, atol=1e-12)
    together = pooling(h, spans_of([(row, 0, start, last) for row, start, last in ranges()]))
    assert together.shape == (len(ranges()), pooling.output_dim)


@pytest.mark.parametrize("max_width", [1, 3, 20])
def test_all_short_spans_of_real_tokens_in_the_order_of_the_text(max_width: int) -> None:
    draw = random.Random(1)
    lengths = [draw.randint(0, 7) for _ in range(5)]
    mask = torch.arange(7) < torch.tensor(lengths).unsqueeze(1)
    expected = [
        (row, 0, start, last)
        for row, length in enumerate(lengths)
        for start in range(length)
        for last in range(start, min(length, start + max_width))
    ]
    assert numbers_of(enumerate_spans(mask, max_width)) == expected
