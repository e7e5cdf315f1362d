"""What a checkpoint holds of a run, and what has to be the same where it goes on."""

import hashlib
import logging
import platform
from importlib import metadata
from typing import Any

import numpy as np
import torch

from relx import __version__
from relx.data.batch import IndexedCorpus
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.training.loop import Run
from relx.training.processes import Processes
from relx.training.randomness import random_state, restore_random_state
from relx.training.state import TrainingState
from relx.training.stepper import Stepper

logger = logging.getLogger(__name__)

Tree = dict[str, Any]


def taken(run: Run, stepper: Stepper, state: TrainingState) -> Tree:
    """Everything of a run that its further course depends on; to be called by all processes together."""
    return {
        "state": state.to_json(),
        "stepper": stepper.state_dict(),
        "random": run.processes.gather(random_state(run.processes.device)),
        "callbacks": {type(callback).__name__: callback.state_dict() for callback in run.callbacks},
        **run.about,
    }


def restored(tree: Tree, run: Run, stepper: Stepper) -> TrainingState:
    """Put a run back to where ``taken`` found it; a callback that is new to it starts afresh.

    Weights and optimizer are taken out of the tree: they are too large to be held twice.
    """
    stepper.load_state_dict(tree.pop("stepper"))
    for callback in run.callbacks:
        if (name := type(callback).__name__) in tree["callbacks"]:
            callback.load_state_dict(tree["callbacks"][name])
    restore_random_state(tree["random"][run.processes.rank], run.processes.device)
    return TrainingState.from_json(tree["state"])


def about(model: JointExtractor, corpus: IndexedCorpus, processes: Processes) -> Tree:
    """What stays the same in the course of a run: vocabulary, data, and where it runs."""
    return {
        "vocabulary": dict(model.vocabulary.files()),
        "data": _digest(corpus),
        "processes": processes.count,
        "made_by": {
            "relx": __version__,
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "device": processes.device.type,
            "threads": torch.get_num_threads(),
        },
    }


def require_continuable(tree: Tree, present: Tree) -> None:
    """Raise TrainingError where a run cannot go on as it was; warn where its last digits may come out differently."""
    if tree["data"] != present["data"]:
        raise TrainingError("the training data is not that of the checkpoint; give --force to start anew")
    if tree["processes"] != present["processes"]:
        raise TrainingError(
            f"the checkpoint is that of {tree['processes']} processes, these are {present['processes']}; start as "
            "many, or give --force to start anew"
        )
    before, now = tree["made_by"], present["made_by"]
    changed = ", ".join(f"{name} {before.get(name)} -> {now[name]}" for name in now if before.get(name) != now[name])
    if changed:
        logger.warning("the run goes on under other conditions, so its last digits may differ: %s", changed)


def _digest(corpus: IndexedCorpus) -> str:
    """Of all that training sees of its sentences."""
    found = hashlib.sha256(corpus.lengths.tobytes())
    for name, column in sorted(corpus.columns.items()):
        found.update(name.encode())
        for array in (column.shapes, column.buffer):
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
