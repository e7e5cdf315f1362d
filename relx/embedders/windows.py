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
    context = np.minimum(begin - starts[:, None], starts[:, None] + size - end)
    return context.argmax(axis=0)


def surely_whole(size: int) -> int:
    """The length up to which any span lies in one window as a whole."""
    return size // 2 + 1
