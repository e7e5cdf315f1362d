"""Count what a reader walks through in one training step: ``python benchmarks/reading.py [EXPERIMENT NAME=VALUE ...]``.

Takes the experiment's model and optimizer, makes one step on one batch, and lists the files of relx that the step
enters, with the number of functions entered in each and the deepest nesting of their calls.
"""

import logging
import sys
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

import relx
from relx import config
from relx.registry import Reference
from relx.training.checks.dry_run import DryRun
from relx.training.distributed import Distributed

ROOT = Path(relx.__file__).parent


class Walk:
    """The functions of relx that are entered while the profiler is on."""

    def __init__(self) -> None:
        self.functions: dict[str, set[str]] = defaultdict(set)
        self.depth = self.deepest = 0

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call or a return of a function that is written in relx."""
        path = Path(frame.f_code.co_filename)
        if event not in ("call", "return") or not path.is_relative_to(ROOT):
            return
        self.depth += 1 if event == "call" else -1
        self.deepest = max(self.deepest, self.depth)
        if event == "call" and not frame.f_code.co_name.startswith("<"):
            self.functions[str(path.relative_to(ROOT.parent))].add(frame.f_code.co_qualname)


def walk_of_a_step(file: str, variables: dict[str, str]) -> Walk:
    """Return what one training step of an experiment enters, after a first step that is not counted."""
    root = Reference("relx.training.experiment", "Experiment")
    tree = config.load(file, variables)
    config.require_valid(tree, root, file)
    trial = DryRun(config.build(tree, root), Distributed("cpu"))
    dataset = trial.dataset(trial.data["train"])
    batches = trial.plan(dataset, 0)[-1]
    train_step = trial.train_step(total=2)
    train_step.on_batches(0, dataset, batches)
    walk = Walk()
    sys.setprofile(walk.note)
    try:
        train_step.on_batches(1, dataset, batches)
    finally:
        sys.setprofile(None)
    return walk


def main() -> None:
    """Print the table."""
    logging.disable()
    file, *assignments = sys.argv[1:] or ["experiments/hmt_nyt10.jsonnet"]
    walk = walk_of_a_step(file, dict(assignment.split("=", 1) for assignment in assignments))
    for path, functions in sorted(walk.functions.items()):
        print(f"{len(functions):4} {path}")
    total = sum(map(len, walk.functions.values()))
    print(f"{file}: {len(walk.functions)} files, {total} functions, {walk.deepest} deep")


if __name__ == "__main__":
    main()
