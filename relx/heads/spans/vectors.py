"""Vectors of spans of any length, from the vectors of their tokens; no padding is computed."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.spans import Spans
from relx.utils.argument_checks import require_sizes


def max_over(h: Tensor, row: Tensor, start: Tensor, last: Tensor) -> Tensor:
    """Take the maximum of each feature over the tokens ``start`` to ``last`` of a row, zeros where there are none.

    ``h`` [rows, length, d], the other three [ranges] -> [ranges, d]. Two windows whose size is a power of two, and
    which may overlap, cover any range: their maxima are computed once for all ranges (a sparse table).
    """
    width = last - start + 1
    windows, starts = [h], [0]  # windows[k][:, i] is the maximum over the tokens i to i + 2**k - 1
    while 2 ** len(windows) <= int(width.max() if len(width) else 0):
        half, shorter = 2 ** (len(windows) - 1), windows[-1]
        starts.append(starts[-1] + shorter.shape[1])
        windows.append(torch.maximum(shorter[:, :-half], shorter[:, half:]))
    table, starts_of = torch.cat(windows, dim=1), torch.tensor(starts, device=h.device)
    real = width > 0
    size = torch.frexp(width.clamp(min=1).double()).exponent.long() - 1  # the greatest k with 2**k <= width
    begin = starts_of[size]
    first = torch.where(real, begin + start, 0)
    second = torch.where(real, begin + last + 1 - 2**size, 0)
    return torch.where(real.unsqueeze(1), torch.maximum(table[row, first], table[row, second]), 0)


class MaxOfSpan(nn.Module):
    """Represent a span by the maximum of each feature over its tokens (SpERT): -> [spans, input_dim]."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, h: Tensor, spans: Spans) -> Tensor:
        """[rows, length, input_dim] -> [spans, output_dim]."""
        return max_over(h, spans.batch_index, spans.start, spans.last)


class EndpointsOfSpan(nn.Module):
    """Represent a span by its first and its last token, [x_i; x_j] (PURE): -> [spans, 2 * input_dim]."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = 2 * input_dim

    def forward(self, h: Tensor, spans: Spans) -> Tensor:
        """[rows, length, input_dim] -> [spans, output_dim]."""
        return torch.cat((h[spans.batch_index, spans.start], h[spans.batch_index, spans.last]), dim=-1)


class ConvolutionOfSpan(nn.Module):
    """Represent a span by gelu(convolution) of each width, and its maximum over the windows in the span (SPE).

    A span that is shorter than a filter is filled up with zeros. A sentence is convolved once for all of its spans.
    A span without tokens (``last`` before ``start``) is zero: -> [spans, filters * number of widths].
    """

    def __init__(self, input_dim: int, filters: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        require_sizes(filters=filters, widths=min(widths))
        self.widths = widths
        self.convolutions = nn.ModuleList(nn.Conv1d(input_dim, filters, width) for width in widths)
        self.output_dim = filters * len(widths)

    def forward(self, h: Tensor, spans: Spans) -> Tensor:
        """[rows, length, input_dim] -> [spans, output_dim]."""
        return torch.cat([self._of_width(h, spans, index) for index in range(len(self.widths))], dim=-1)

    def _of_width(self, h: Tensor, spans: Spans, index: int) -> Tensor:
        width, convolution = self.widths[index], self.convolutions[index]
        filled = F.pad(h, (0, 0, 0, width))  # [rows, length + width, d]
        windows = F.gelu(convolution(filled.transpose(1, 2))).transpose(1, 2)  # [rows, length + 1, filters]
        found = max_over(windows, spans.batch_index, spans.start, spans.last - width + 1)  # zeros: too short
        size = spans.last - spans.start + 1
        short = ((size > 0) & (size < width)).nonzero().squeeze(1)
        if not len(short):
            return found
        token = spans.start[short].unsqueeze(1) + torch.arange(width, device=h.device)  # [short, width]
        inside = token <= spans.last[short].unsqueeze(1)
        tokens = filled[spans.batch_index[short].unsqueeze(1), token] * inside.unsqueeze(-1)
        of_short = F.gelu(convolution(tokens.transpose(1, 2))).squeeze(2)  # [short, filters]
        return found.index_copy(0, short, of_short)
