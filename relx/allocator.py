"""glibc's allocator told to keep the memory of freed tensors, which it would otherwise return at each step.

By default glibc maps every large tensor anew and unmaps it when it is freed, and gives back the free end of its heap;
the kernel then clears the same pages step after step. ``benchmarks/allocator.py`` measures what this costs.
"""

import ctypes
import functools
import os
import sys

# From malloc.h. Tensors of any size come from the heap, and the heap keeps up to 1 GiB of free memory at its end.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
SETTINGS = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 1024 * 1024 * 1024))
VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Make the process reuse the memory of freed tensors; whether that was done (Linux with glibc).

    The user's own setting in the environment goes before.
    """
    if not sys.platform.startswith("linux") or _set_by_user():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    accepted = [mallopt(parameter, value) == 1 for parameter, value in SETTINGS]
    return all(accepted)


def _set_by_user() -> bool:
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return "glibc.malloc." in tunables or any(variable in os.environ for variable in VARIABLES)
