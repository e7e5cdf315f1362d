"""``relx check``: every problem of an experiment file at once, before any data is read."""

import argparse

from relx.commands.common import add_experiment_arguments, experiment_class, load_experiment, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a .jsonnet or .json experiment, or the name of one that comes with relx")
    parser.add_argument("-v", "--verbose", action="store_true", help="show where each broken rule is defined")
    parser.add_argument("--full", action="store_true", help="print the file as JSON with every default filled in")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check a file. Raises ConfigError that lists every problem."""
    from relx import config

    tree, root = load_experiment(args.file, args), experiment_class()
    config.require_valid(tree, root, args.file, args.verbose)
    if args.full:
        print_json(config.fill(tree, root))
    else:
        print(f"{args.file}: valid")
    return 0
