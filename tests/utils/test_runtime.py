import subprocess
import sys

ASK = """
import torch
from relx.utils.runtime import prepare_process
tiny = torch.full((8,), 1e-40)
before = (tiny * 1).sum().item()
prepare_process()
print(before > 0, (tiny * 1).sum().item())
"""


def test_denormal_numbers_become_zero() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "0.0"]
