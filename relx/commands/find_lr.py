"""``relx find-lr``: find a learning rate for an experiment."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import (
    add_device_argument,
    add_experiment_arguments,
    experiment_class,
    load_experiment,
    quieten_torch_of_several,
)

if TYPE_CHECKING:
    from relx.training.checks.rate_finder import RangeTest

SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet or .json experiment, or the name of one that comes with relx")
    parser.add_argument("--low", type=float, default=1e-6, help="the first rate (default: %(default)g)")
    parser.add_argument("--high", type=float, default=1.0, help="the last rate (default: %(default)g)")
    parser.add_argument("--steps", type=int, default=200, help="of the optimizer (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", default="find_lr.png", help="the drawing (default: %(default)s)")
    add_device_argument(parser, "train")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the losses and a suggestion, and draw them. Raises PluginError, ConfigError, DataError, TrainingError."""
    from relx import config

    quieten_torch_of_several()
    tree = load_experiment(args.file, args)
    config.require_valid(tree, experiment_class(), args.file)
    experiment = config.build(tree, experiment_class())

    from relx.training.checks.rate_finder import find_rate
    from relx.training.distributed import Distributed, shutdown

    distributed = Distributed(args.device, experiment.trainer.precision)
    found = find_rate(experiment, args.low, args.high, args.steps, distributed)
    if distributed.main:
        print(_text(found))
        _draw(found, args.output)
    shutdown()
    return 0


def _text(found: "RangeTest") -> str:
    places = range(0, len(found.rates), max(1, len(found.rates) // SHOWN))
    lines = [f"{found.rates[place]:13.2e}  {found.smoothed[place]:12.4f}" for place in places]
    end = f"it diverges at {found.rates[-1]:.1e}" if found.diverged else f"it has not diverged at {found.rates[-1]:.1e}"
    return "\n".join((
        "learning rate  loss (moving average)", *lines, "",
        f"the loss falls fastest at {found.steepest:.1e} and is lowest at {found.lowest:.1e}; {end}",
        f"suggested: -o trainer.optimizer.lr={found.steepest:.1e}",
    ))  # fmt: skip


def _draw(found: "RangeTest", path: str) -> None:
    """Draw the range test into a file; without matplotlib, print why there is no drawing."""
    import sys
    from pathlib import Path

    from relx.commands.common import require_extra
    from relx.errors import MissingExtra

    try:
        require_extra("matplotlib", "plots")
    except MissingExtra as error:
        print(f"no drawing: {error}", file=sys.stderr)
        return
    from relx.comparison.plots import draw_rates
    from relx.utils.figures import save

    save(draw_rates(found), Path(path))
    print(f"drawn in {path}", file=sys.stderr)
