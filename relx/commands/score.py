"""``relx score``: predictions against gold data, under named protocols."""

import argparse

from relx.commands.common import print_json
from relx.commands.scores import add_score_arguments, prepare, score_under, to_json

HELP = "score predictions against gold data, under named protocols"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx score``."""
    parser.add_argument("gold", metavar="GOLD", help="labelled data, in any form that relx reads")
    parser.add_argument("predicted", metavar="PREDICTED", help="the same sentences as relx predict writes them")
    add_score_arguments(
        parser,
        "what counts as equal; may be repeated, the first is shown in full (default: all that fit GOLD)",
        "the reader of GOLD and --seen (default: judged by content)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ConfigError, DataError, UnknownProtocol."""
    from relx import scoring
    from relx.readers import read

    prepare(args)
    gold, predicted = list(read(args.gold, args.reader)), list(read(args.predicted, "jsonl"))
    train = read(args.seen, args.reader) if args.seen else None
    reports = score_under(args.protocol or scoring.fitting_protocols(gold), gold, predicted, train)
    if args.json:
        print_json(to_json(reports))
    else:
        print(scoring.render(*reports))
    return 0
