"""``relx train``: an experiment file carried out."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from relx.commands.common import (
    add_device_argument,
    add_experiment_arguments,
    experiment_class,
    load_experiment,
    quieten_torch_of_several,
)

if TYPE_CHECKING:
    from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet or .json experiment, or the name of one that comes with relx")
    parser.add_argument("-s", "--output", metavar="FOLDER", help="output folder (default: runs/NAME of the file)")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--force", action="store_true", help="replace an earlier run in the output folder")
    earlier.add_argument("--recover", action="store_true", help="continue the run in the output folder, if any")
    earlier.add_argument(
        "--dry-run", action="store_true", help="read, check and report the data, take one step, and write nothing"
    )
    earlier.add_argument(
        "--overfit", type=int, metavar="N", help="test whether the model can memorize N sentences; write nothing"
    )
    parser.add_argument("--seeds", metavar="N,N,...", help="one run for each seed, in FOLDER/seed_N")
    add_device_argument(parser, "train")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train. Raises PluginError, ConfigError, DataError, TrainingError."""
    from relx import config

    quieten_torch_of_several()
    trees = _trees(load_experiment(args.file, args), args)
    for tree in trees.values():
        config.require_valid(tree, experiment_class(), args.file)
    code = _check(trees.values(), args) if args.dry_run or args.overfit is not None else _train(trees, args)

    from relx.training.distributed import shutdown

    shutdown()
    return code


def _trees(tree: dict[str, Any], args: argparse.Namespace) -> dict["Path", dict[str, Any]]:
    """Return the experiment of each run by its output folder."""
    from pathlib import Path

    output = Path(args.output or Path("runs") / Path(args.file).stem)
    if args.seeds is None:
        return {output: tree}
    return {output / f"seed_{seed}": {**tree, "seed": seed} for seed in _seeds(args.seeds)}


def _train(trees: dict["Path", dict[str, Any]], args: argparse.Namespace) -> int:
    from relx.training.run import train_in_folders

    for run in train_in_folders(trees, args.device, args.recover, args.force):
        if run.on_main:
            print(run.archive)
    return 130 if run.state.interrupted else 0


def _check(trees: Iterable[dict[str, Any]], args: argparse.Namespace) -> int:
    from relx import config
    from relx.training.checks.dry_run import dry_run, overfit
    from relx.training.distributed import Distributed

    for experiment in [config.build(tree, experiment_class()) for tree in trees]:
        distributed = Distributed(args.device, experiment.trainer.precision)
        if args.overfit is None:
            found = dry_run(experiment, distributed)
        else:
            found = overfit(experiment, args.overfit, distributed)
        if distributed.main:
            print(found)
    return 0


def _seeds(text: str) -> list[int]:
    from relx.errors import ConfigError

    try:
        seeds = [int(seed) for seed in text.split(",")]
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected whole numbers with commas between them, such as 1,2,3") from None
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds {text}: a seed is named twice")
    return seeds
