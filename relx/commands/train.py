"""``relx train``: an experiment file carried out."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relx.commands.common import (
    add_experiment_arguments,
    experiment_class,
    load_experiment,
    quieten_torch_of_several,
)

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from relx.training.experiment import Experiment

HELP = "train the model of an experiment file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet or .json experiment")
    parser.add_argument("-s", "--output", metavar="FOLDER", help="output folder (default: runs/NAME of the file)")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--force", action="store_true", help="replace an earlier run in the output folder")
    earlier.add_argument("--recover", action="store_true", help="go on with the run in the output folder, if any")
    earlier.add_argument(
        "--dry-run", action="store_true", help="read, check and report the data, take one step, and write nothing"
    )
    earlier.add_argument(
        "--overfit", type=int, metavar="N", help="see whether the model learns N sentences by heart; write nothing"
    )
    parser.add_argument("--seeds", metavar="N,N,...", help="one run for each seed, in FOLDER/seed_N")
    parser.add_argument("--device", help="where to train: cpu, cuda, cuda:1 (default: a GPU where there is one)")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train. Raises PluginError, ConfigError, DataError, TrainingError."""
    from relx import config
    from relx.commands.common import log_to_stderr

    quieten_torch_of_several()
    runs = _runs(load_experiment(args.file, args), args)
    for tree in runs.values():
        config.require_valid(tree, experiment_class(), args.file)
    log_to_stderr()
    plans = [
        _Plan(folder, config.build(tree, experiment_class()), config.fill(tree, experiment_class()))
        for folder, tree in runs.items()
    ]
    code = _try_out_all(plans, args) if args.dry_run or args.overfit is not None else _train_all(plans, args)

    from relx.training.distributed import part

    part()
    return code


class _Plan(NamedTuple):
    folder: "Path"
    experiment: "Experiment"
    full: dict[str, Any]


def _runs(tree: dict[str, Any], args: argparse.Namespace) -> dict["Path", dict[str, Any]]:
    """The experiment of each run by its folder."""
    from pathlib import Path

    output = Path(args.output or Path("runs") / Path(args.file).stem)
    if args.seeds is None:
        return {output: tree}
    return {output / f"seed_{seed}": {**tree, "seed": seed} for seed in _seeds(args.seeds)}


def _train_all(plans: Sequence[_Plan], args: argparse.Namespace) -> int:
    """Every folder is claimed before the first run starts, and locked until the last one has ended."""
    from contextlib import ExitStack

    from relx.training.distributed import Distributed

    with ExitStack() as held:
        Distributed(args.device).on_main(lambda: _claim(plans, args, held))
        codes = (_train(plan, args.device, args.recover) for plan in plans)
        return next(filter(None, codes), 0)


def _claim(plans: Sequence[_Plan], args: argparse.Namespace, held: "ExitStack") -> None:
    from relx.training.checkpointing.folder_lock import locked
    from relx.training.checkpointing.run_folder import RunFolder

    for plan in plans:
        if args.recover:
            RunFolder.resume(plan.folder, plan.full)
        else:
            RunFolder.claim(plan.folder, args.force)
        held.enter_context(locked(plan.folder))  # after the check: a folder of something else stays as it is


def _train(plan: _Plan, device: str | None, recover: bool) -> int:
    from relx.training.checkpointing.run_folder import ARCHIVE, RunFolder
    from relx.training.distributed import Distributed
    from relx.training.run import train

    processes = Distributed(device, plan.experiment.trainer.precision)
    state = train(plan.experiment, RunFolder(plan.folder), plan.full, processes, recover)
    if processes.main:
        print(plan.folder / ARCHIVE)
    return 130 if state.interrupted else 0


def _try_out_all(plans: Sequence[_Plan], args: argparse.Namespace) -> int:
    from relx.training.checks.dry_run import dry_run
    from relx.training.checks.overfit import overfit
    from relx.training.distributed import Distributed

    for _, experiment, _ in plans:
        processes = Distributed(args.device, experiment.trainer.precision)
        few = args.overfit
        outcome = dry_run(experiment, processes) if few is None else overfit(experiment, few, processes)
        if processes.main:
            print(outcome)
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
