"""``relx train``: an experiment file carried out."""

import argparse

from relx.commands.common import add_experiment_arguments, experiment_class, load_experiment

HELP = "train the model of an experiment file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet or .json experiment")
    parser.add_argument("-s", "--output", metavar="FOLDER", help="output folder (default: runs/NAME of the file)")
    parser.add_argument("--force", action="store_true", help="replace an earlier run in the output folder")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train. Raises PluginError, ConfigError, DataError, TrainingError."""
    from pathlib import Path

    from relx import config
    from relx.commands.common import log_to_stderr

    tree, root = load_experiment(args.file, args), experiment_class()
    config.require_valid(tree, root, args.file)
    log_to_stderr()
    experiment = config.build(tree, root)

    from relx.training.run_folder import ARCHIVE, RunFolder

    folder = RunFolder.claim(Path(args.output or Path("runs") / Path(args.file).stem), args.force)
    state = experiment.run(folder, config.fill(tree, root))
    print(folder.path / ARCHIVE)
    return 130 if state.interrupted else 0
