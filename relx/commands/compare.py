"""``relx compare``: runs side by side, and whether their differences are more than chance."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from pathlib import Path

    from relx.scoring.sentences import SentenceCounts

HELP = "compare runs: means over seeds, and the significance of their differences"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN",
        help="the folder of a run, or of the runs of several seeds; the others are held against the first",
    )  # fmt: skip
    parser.add_argument(
        "--protocol", metavar="NAME", help="what counts as equal (default: the first that all runs have)"
    )
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="what to compare on (default: %(default)s)"
    )
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "latex"),
        default="text",
        help="the table's form (default: %(default)s)",
    )
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=13, help="of the bootstrap (default: %(default)s)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises ConfigError, DataError, ArchiveError, PluginError."""
    from pathlib import Path

    from relx.comparison.runs import finished_runs
    from relx.comparison.systems import compare
    from relx.comparison.table import render

    _check(args)
    include_plugins(args)
    runs = {name: [_counts(run, args.split) for run in finished_runs(Path(name))] for name in args.runs}
    print(render(compare(runs, args.protocol, args.resamples, args.seed), args.split, args.format))
    return 0


def _check(args: argparse.Namespace) -> None:
    from pathlib import Path

    from relx.errors import ConfigError

    if args.resamples < 1 or args.seed < 0:
        raise ConfigError("--resamples must be at least 1, and --seed not negative")
    folders = [Path(name).resolve() for name in args.runs]
    for place, folder in enumerate(folders):
        if folder in folders[:place]:
            raise ConfigError(f"{args.runs[place]}: a run is named twice")


def _counts(run: "Path", split: str) -> "SentenceCounts":
    """Return the counts that the run saved, or count the predictions of its archive if it saved none."""
    import sys

    from relx.scoring.sentences import load_counts

    found = load_counts(run, split)
    if found is not None:
        return found
    from relx.comparison.systems import predicted_counts

    print(f"{run}: holds no counts of the {split} set's sentences; predicting them from its archive", file=sys.stderr)
    return predicted_counts(run, split)
