"""``relx tune``: good values for the variables of an experiment."""

import argparse
from typing import TYPE_CHECKING, Any

from relx.commands.common import add_device_argument, add_experiment_arguments, experiment_class, load_experiment

if TYPE_CHECKING:
    from relx.tuning.space import Space


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet experiment that is a function of variables")
    parser.add_argument("space", help="a .jsonnet or .json file: for each variable a list of values, or low and high")
    parser.add_argument("-s", "--output", metavar="FOLDER", help="output folder (default: runs/NAME_tuned)")
    parser.add_argument("--trials", type=int, default=20, help="in all, those done before included (default: 20)")
    parser.add_argument("--prune", action="store_true", help="give up trials that do worse than half of those before")
    parser.add_argument("--search-seed", type=int, default=13, metavar="N", help="of the search (default: %(default)s)")
    add_device_argument(parser, "train")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search and print the best command. Raises MissingExtra, ConfigError, PluginError, TrainingError."""
    from pathlib import Path

    from relx.commands.common import require_extra

    require_extra("optuna", "tune")
    from relx.training.interrupts import sigterm_interrupts
    from relx.tuning.search import Search, claim
    from relx.tuning.space import read_space

    _require_counts(args)
    space = read_space(args.space)
    experiment = _checked(args, space)
    folder = Path(args.output or Path("runs") / f"{Path(args.file).stem}_tuned")
    claim(folder, {"experiment": experiment, "space": {name: str(values) for name, values in space.items()}})
    metric = experiment["trainer"]["validation_metric"].removeprefix("+")
    with sigterm_interrupts():
        print(Search(folder, _arguments(args), space, metric, args.search_seed, args.prune).run(args.trials))
    return 0


def _require_counts(args: argparse.Namespace) -> None:
    from relx.errors import ConfigError

    if args.trials < 1 or args.search_seed < 0:
        raise ConfigError("--trials must be at least 1, and --search-seed not negative")


def _checked(args: argparse.Namespace, space: "Space") -> dict[str, Any]:
    """Return the full experiment with some values of the search space; report its problems before the first trial."""
    import copy

    from relx import config
    from relx.errors import ConfigError
    from relx.tuning.space import assignments, some_values

    given = {assignment.partition("=")[0] for assignment in args.var}
    if both := given & space.keys():
        raise ConfigError(f"--var {', '.join(sorted(both))}: is searched; take it out of {args.space} to fix it")
    tried = copy.copy(args)
    tried.var = [*args.var, *assignments(some_values(space))]
    tree = load_experiment(args.file, tried)
    config.require_valid(tree, experiment_class(), args.file)
    experiment = config.fill(tree, experiment_class())
    if experiment["validation_data_path"] is None:
        raise ConfigError(f"{args.file}: a search needs a validation_data_path; the test set must not influence it")
    return experiment


def _arguments(args: argparse.Namespace) -> list[str]:
    """Return the arguments of ``relx train`` that all trials share."""
    words = [args.file]
    for option, values in (("--include", args.include), ("--var", args.var), ("-o", args.override)):
        words += [word for value in values for word in (option, value)]
    return [*words, "--device", args.device] if args.device else words
