"""The maximum of the vectors of a range of tokens, for any number of ranges of any length; no padding is computed."""

import torch
from torch import Tensor


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
