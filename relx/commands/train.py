"""``relx train``: an experiment file carried out."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from relx.commands.common import add_experiment_arguments, experiment_class, load_experiment

if TYPE_CHECKING:
    from relx.training.experiment import Experiment
    from relx.training.processes import Processes

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
    from pathlib import Path

    from relx import config
    from relx.commands.common import log_to_stderr

    if "LOCAL_RANK" in os.environ:  # one of several: torch, not loaded yet, would warn that it looks for unused weights
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    tree = load_experiment(args.file, args)
    output = args.output or str(Path("runs") / Path(args.file).stem)
    runs = {output: tree}
    if args.seeds is not None:
        runs = {f"{output}/seed_{seed}": {**tree, "seed": seed} for seed in _seeds(args.seeds)}
    for variant in runs.values():
        config.require_valid(variant, experiment_class(), args.file)
    log_to_stderr()
    codes = (_train(variant, folder, args) for folder, variant in runs.items())
    code = next(filter(None, codes), 0)

    from relx.training.processes import part

    part()
    return code


def _train(tree: dict[str, Any], output: str, args: argparse.Namespace) -> int:
    from pathlib import Path

    from relx import config
    from relx.training.processes import Processes
    from relx.training.run_folder import ARCHIVE, RunFolder

    experiment, full = config.build(tree, experiment_class()), config.fill(tree, experiment_class())
    processes = Processes(args.device, experiment.trainer.precision)
    if args.dry_run or args.overfit is not None:
        return _try_out(experiment, args.overfit, processes)

    def folder_of_run() -> RunFolder:
        return RunFolder.resume(Path(output), full) if args.recover else RunFolder.claim(Path(output), args.force)

    folder = processes.on_main(folder_of_run)
    state = experiment.run(folder, full, processes, args.recover)
    if processes.main:
        print(folder.path / ARCHIVE)
    return 130 if state.interrupted else 0


def _try_out(experiment: "Experiment", sentences: int | None, processes: "Processes") -> int:
    from relx.training.dry_run import dry_run
    from relx.training.overfit import overfit

    outcome = dry_run(experiment, processes) if sentences is None else overfit(experiment, sentences, processes)
    if processes.main:
        print(outcome)
    return 0


def _seeds(text: str) -> list[int]:
    from relx.errors import ConfigError

    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected whole numbers with commas between them, such as 1,2,3") from None
