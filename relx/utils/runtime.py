"""Make glibc's allocator keep the memory of freed tensors, which it would otherwise return at each step.

By default glibc maps every large tensor again and unmaps it when it is freed, and returns the free end of its heap;
the kernel then clears the same pages step after step. ``benchmarks/allocator.py`` measures what this costs.
"""

import ctypes
import functools
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from relx.errors import RelxError


def prepare_process() -> None:
    """Make the process fit for many steps of the same kind: called by training and by prediction."""
    keep_freed_memory()
    # Trained models are full of probabilities near zero, and a processor is ten times slower on denormal numbers.
    torch.set_flush_denormal(True)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore the random states of Python, numpy and torch at the end, whatever the block draws or seeds.

    Code that relx does not own (Stanza's models, callbacks) runs in such a block, so that it cannot change a run.
    """
    python, numbers = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)


NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error says that the machine or its GPU is out of memory."""
    return isinstance(error, MemoryError) or any(reason in str(error) for reason in NO_MEMORY)


def choose_device(name: str | None) -> str:
    """Return the name of a device; the default is a GPU if there is one. Raises RelxError for one that is not there."""
    if name is None:
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    require_device(name)
    return name


def require_device(name: str) -> None:
    """Raise RelxError for a device that cannot be used here."""
    message = f"device {name!r} cannot be used here; try cpu, cuda or cuda:1"
    try:
        device = torch.device(name)
    except RuntimeError as error:  # lists all that torch knows
        raise RelxError(message) from error
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # what torch raises without CUDA
        raise RelxError(f"{message} ({str(error).partition(chr(10))[0]})") from error


# From malloc.h. Tensors of any size come from the heap, and the heap keeps up to 1 GiB of free memory at its end.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
SETTINGS = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 1024 * 1024 * 1024))
VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Make the process reuse the memory of freed tensors; whether that was done (Linux with glibc).

    The user's own setting in the environment goes before.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None or _set_by_user():
        return False
    accepted = [mallopt(parameter, value) == 1 for parameter, value in SETTINGS]
    return all(accepted)


def return_freed_memory() -> None:
    """Return the free pages between the blocks in use to the kernel, where the C library can do that.

    Work that goes on for hours calls this from time to time: free blocks of many sizes otherwise pile up in the heap.
    """
    if (malloc_trim := _of_glibc("malloc_trim")) is not None:
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    """Return a function of glibc; None under another C library."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)


def _set_by_user() -> bool:
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return "glibc.malloc." in tunables or any(variable in os.environ for variable in VARIABLES)
