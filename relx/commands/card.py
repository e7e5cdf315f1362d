"""``relx card``: the model card of an archive."""

import argparse

from relx.commands.common import add_archive_argument, open_output

HELP = "print the model card of an archive: a README.md for the Hugging Face Hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx card``."""
    add_archive_argument(parser)
    parser.add_argument("--name", help="the name of the model (default: the name of its run or of the archive)")


def run(args: argparse.Namespace) -> int:
    """Print the card. The model is not built, so plugins need not be there. Raises ArchiveError."""
    from relx.archive_file import name_of, read_facts
    from relx.reports.model_card import model_card

    facts = read_facts(args.archive)
    with open_output(None) as output:
        output.write(model_card(facts, args.name or name_of(args.archive)))
    return 0
