"""Capture a run for a checkpoint, restore it, and check that a run can continue from one."""

import hashlib
import logging
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import torch

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.errors import RelxError, TrainingError
from relx.model import JointExtractor
from relx.training.callbacks import Callback
from relx.training.checkpointing import tensor_file
from relx.training.checkpointing.randomness import random_state, restore_random_state
from relx.training.checkpointing.state import TrainingState
from relx.training.distributed import Distributed
from relx.training.train_step import TrainStep
from relx.version import __version__

logger = logging.getLogger(__name__)

Tree = dict[str, Any]


def capture(state: TrainingState, train_step: TrainStep, callbacks: Sequence[Callback]) -> Tree:
    """Return all that the rest of a run depends on. All processes call this together."""
    distributed = train_step.distributed
    return {
        "state": state.to_json(),
        "train_step": train_step.state_dict(),
        "random": distributed.gather(random_state(distributed.device)),
        "callbacks": {name: callback.state_dict() for name, callback in _named(callbacks)},
    }


def restore(tree: Tree, train_step: TrainStep, callbacks: Sequence[Callback]) -> TrainingState:
    """Restore what ``capture`` returned, and return the state; a callback that the tree lacks starts afresh.

    Weights and optimizer are taken out of the tree: they are too large to be held twice.
    """
    distributed = train_step.distributed
    train_step.load_state_dict(tree.pop("train_step"))
    for name, callback in _named(callbacks):
        if name in tree["callbacks"]:
            callback.load_state_dict(tree["callbacks"][name])
    restore_random_state(tree["random"][distributed.rank], distributed.device)
    return TrainingState.from_json(tree["state"])


def _named(callbacks: Sequence[Callback]) -> Iterator[tuple[str, Callback]]:
    """Yield each callback with the name of its class; from the second of a class on, its number is added."""
    seen: Counter[str] = Counter()
    for callback in callbacks:
        name = type(callback).__name__
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}", callback


def require_keepable(callbacks: Sequence[Callback]) -> None:
    """Raise TrainingError for a callback whose state no checkpoint can hold."""
    for name, callback in _named(callbacks):
        try:
            tensor_file.require_keepable(callback.state_dict(), "state_dict")
        except RelxError as error:
            raise TrainingError(f"trainer.callbacks: {name}: {error}") from error


def fingerprint(
    model: JointExtractor, dataset: TensorDataset, validation: Sequence[Example], distributed: Distributed
) -> Tree:
    """Return what stays the same during a run: vocabulary, data, number of processes, versions and device."""
    return {
        "vocabulary": dict(model.vocabulary.files()),
        "data": {"training": _digest(dataset), "validation": _digest_of_gold(validation)},
        "processes": distributed.count,
        "made_by": {
            "relx": __version__,
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "device": distributed.device.type,
            "threads": torch.get_num_threads(),
        },
    }


def require_continuable(tree: Tree, present: Tree) -> None:
    """Raise TrainingError if a run cannot continue exactly; warn if its last digits may differ."""
    for split, digest in present["data"].items():
        if tree["data"][split] != digest:
            raise TrainingError(
                f"the {split} data is not that of the checkpoint; start again (--force, in Python force=True)"
            )
    if tree["processes"] != present["processes"]:
        raise TrainingError(
            f"the checkpoint is that of {tree['processes']} processes, these are {present['processes']}; start as "
            "many, or start again (--force, in Python force=True)"
        )
    before, now = tree["made_by"], present["made_by"]
    changed = ", ".join(f"{name} {before.get(name)} -> {now[name]}" for name in now if before.get(name) != now[name])
    if changed:
        logger.warning("the run continues under other conditions, so its last digits may differ: %s", changed)


def require_epochs(tree: Tree, epochs: int) -> None:
    """Raise TrainingError where a run has gone further than so many epochs."""
    reached = TrainingState.from_json(tree["state"]).present_epoch
    if reached > epochs:
        raise TrainingError(
            f"trainer.epochs is {epochs}, but the run has come to epoch {reached}; give it at least {reached}, or "
            "start again (--force, in Python force=True)"
        )


def _digest(corpus: TensorDataset) -> str:
    """Return a digest of all that training sees of its sentences."""
    found = hashlib.sha256(corpus.lengths.tobytes())
    for name, column in sorted(corpus.columns.items()):
        found.update(name.encode())
        for array in (column.shapes, *column.buffers):
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _digest_of_gold(examples: Sequence[Example]) -> str:
    """Return a digest of all that validation sees of its sentences."""
    found = hashlib.sha256()
    for e in examples:
        seen = (e.tokens, e.entities, e.relations, e.text, e.offsets, e.pos_tags, e.dependency_heads, e.deprels)
        found.update(repr(seen).encode("utf-8", "surrogatepass"))
    return found.hexdigest()
