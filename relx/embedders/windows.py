"""Overlapping windows over a sequence that is too long to be read at once."""

import numpy as np


def window_starts(length: int, size: int) -> np.ndarray:
    """Where the windows begin that together cover ``length`` items; each overlaps the next by half or more.

    The last one ends with the sequence, so that all are equally long.
    """
    stride = size - size // 2
    return np.append(np.arange(0, length - size, stride), max(0, length - size))


def best_windows(begin: np.ndarray, end: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """For each span (end exclusive) the number of the window that shows most on the narrower side of it."""

    def context(windows: np.ndarray) -> np.ndarray:
        return np.minimum(begin - starts[windows], starts[windows] + size - end)

    # The context grows up to the window in whose middle the span lies, and falls after it.
    after = np.searchsorted(2 * starts, begin + end - size).clip(max=len(starts) - 1)
    before = (after - 1).clip(min=0)
    return np.where(context(before) >= context(after), before, after)


def surely_whole(size: int) -> int:
    """The length up to which any span lies in one window as a whole."""
    return size // 2 + 1
