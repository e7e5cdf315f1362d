"""glibc's allocator told to keep the memory of freed tensors, which it would otherwise return at each step.

By default glibc maps every large tensor anew and unmaps it when it is freed; the kernel then clears the same pages step
after step. ``benchmarks/allocator.py`` measures what this costs.
"""

import ctypes
import functools
import os
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
MEBIBYTE = 1024 * 1024
# glibc refuses a larger threshold than half of a heap; only tensors beyond it are still mapped one by one.
LARGEST_MMAP_THRESHOLD = 32 * MEBIBYTE
SETTINGS = (
    (M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_"),
    (M_TRIM_THRESHOLD, 1024 * MEBIBYTE, "MALLOC_TRIM_THRESHOLD_"),
    (M_TOP_PAD, 64 * MEBIBYTE, "MALLOC_TOP_PAD_"),
)


@functools.cache
def keep_freed_memory() -> bool:
    """Make the process reuse the memory of freed tensors; whether that was possible (Linux with glibc).

    The user's own setting in the environment goes before.
    """
    if not sys.platform.startswith("linux") or _set_by_user():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    accepted = [mallopt(parameter, value) == 1 for parameter, value, _ in SETTINGS]
    return all(accepted)


def _set_by_user() -> bool:
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return "glibc.malloc." in tunables or any(variable in os.environ for *_, variable in SETTINGS)
