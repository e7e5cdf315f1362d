"""``relx show``: what an archive tells about its model."""

import argparse

from relx.commands.common import add_archive_argument, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx show``."""
    add_archive_argument(parser)
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object, ratios from 0 to 1")


def run(args: argparse.Namespace) -> int:
    """Print the facts. The model is not built, so plugins need not be there. Raises ArchiveError."""
    from relx.archive_file import read_facts
    from relx.scoring import metric_rows
    from relx.utils.text import aligned

    facts = read_facts(args.archive)
    if args.json:
        print_json(facts.to_json())
    else:
        print("\n".join([*facts.lines(), "", *aligned(metric_rows(facts.metrics), left=3)]))
    return 0
