"""``relx curves``: loss and metrics of runs, drawn."""

import argparse

METRICS = ("triple_f1", "entity_f1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run, or of the runs of several seeds")
    parser.add_argument("--output", metavar="FILE", default="curves.png", help="the drawing (default: %(default)s)")
    parser.add_argument(
        "--metric", action="append", metavar="NAME", help=f"may be repeated (default: {' and '.join(METRICS)})"
    )


def run(args: argparse.Namespace) -> int:
    """Draw. Raises MissingExtra, DataError, ConfigError."""
    from pathlib import Path

    from relx.commands.common import require_extra
    from relx.comparison.reports import read_reports
    from relx.comparison.runs import runs_in

    require_extra("matplotlib", "plots")
    from relx.comparison.plots import draw_curves
    from relx.utils.figures import save

    systems = {name: [read_reports(run) for run in runs_in(Path(name))] for name in dict.fromkeys(args.runs)}
    save(draw_curves(systems, args.metric or METRICS), Path(args.output))
    print(args.output)
    return 0
