"""Seed the random numbers of a run, and capture and restore their state."""

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int, rank: int = 0) -> None:
    """Seed the random numbers of every library; each process draws numbers of its own."""
    own = seed if rank == 0 else int(np.random.SeedSequence((seed, rank)).generate_state(1)[0])
    random.seed(own)
    np.random.seed(own)
    torch.manual_seed(own)


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of the random numbers of every library and of the device."""
    return {
        "python": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),
        "torch": torch.get_rng_state(),
        "device": None if device.type == "cpu" else getattr(torch, device.type).get_rng_state(),
    }


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Restore what ``random_state`` returned; ignore the state of another kind of device."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state["device"] is not None and device.type != "cpu":
        getattr(torch, device.type).set_rng_state(state["device"])


def _plain(value: Any) -> Any:
    """Return the value with lists for arrays."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
