"""What relx asks of the process before it computes."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from relx.allocator import keep_freed_memory
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
    """Whether an error says that the memory, of the machine or of its GPU, does not suffice."""
    return isinstance(error, MemoryError) or any(reason in str(error) for reason in NO_MEMORY)


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
