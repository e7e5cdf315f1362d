"""What relx asks of the process before it computes."""

import torch

from relx.allocator import keep_freed_memory


def prepare_process() -> None:
    """Make the process fit for many steps of the same kind: called by training and by prediction."""
    keep_freed_memory()
    # Trained models are full of probabilities near zero, and a processor is ten times slower on denormal numbers.
    torch.set_flush_denormal(True)
