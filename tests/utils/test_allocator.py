import os
import platform
import subprocess
import sys

import pytest

from relx.utils import runtime as allocator

GLIBC = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"
KEPT_AFTER_FREEING = """
import ctypes, os, sys, types
sys.modules["torch"] = types.ModuleType("torch")  # takes a second, and is not needed here
from relx.utils.runtime import keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

answer = keep_freed_memory() if sys.argv[1] == "keep" else None
before = resident()
blocks = [b"x" * (20 << 20) for _ in range(3)]
del blocks
print(answer, resident() - before >= 50)
"""


def kept(mode, **environment):
    command = [sys.executable, "-c", KEPT_AFTER_FREEING, mode]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not GLIBC, reason="only glibc is told")
def test_freed_memory_stays_with_the_process():
    assert kept("keep") == ["True", "True"]
    assert kept("leave") == ["None", "False"]


@pytest.mark.skipif(not GLIBC, reason="only glibc is told")
@pytest.mark.parametrize(
    "variable, value",
    [("MALLOC_TOP_PAD_", "100000"), ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=200000")],
)
def test_the_users_own_setting_goes_before(variable, value):
    assert kept("keep", **{variable: value}) == ["False", "False"]


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    allocator.keep_freed_memory.cache_clear()
    assert allocator.keep_freed_memory() is False
    allocator.keep_freed_memory.cache_clear()
