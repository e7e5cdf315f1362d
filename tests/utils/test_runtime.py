import platform

import pytest
import tiny as sample
import torch
from forks import python

from relx.errors import RelxError
from relx.utils.runtime import choose_device

ASK = """
import torch
from relx.utils.runtime import prepare_process
tiny = torch.full((8,), 1e-40)
before = (tiny * 1).sum().item()
prepare_process()
print(before > 0, (tiny * 1).sum().item())
"""


FREE = """
import torch
from pathlib import Path
from relx.utils.runtime import prepare_process, return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20  # MiB

prepare_process()
blocks = [torch.ones(2**18) for _ in range(200)]
last = blocks.pop()  # the end of the heap stays in use
full = resident()
del blocks
freed = resident()
return_freed_memory()
print(full - freed, full - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_free_pages_below_a_block_in_use_go_back_to_the_kernel_when_asked_to() -> None:
    kept, returned = map(int, sample.run(FREE, program=python).stdout.split())
    assert kept < 50 and returned > 150


def test_denormal_numbers_become_zero() -> None:
    done = sample.run(ASK, program=python)
    assert done.stdout.split() == ["True", "0.0"]


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_default_device_is_a_gpu_if_there_is_one(
    cuda: bool, mps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device(None) == chosen
    assert choose_device("cpu") == "cpu"
    with pytest.raises(RelxError, match="device 'gpu' cannot be used here; try cpu, cuda or cuda:1"):
        choose_device("gpu")
