"""``relx score``: predictions against gold data, under named protocols."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from relx.data.example import Example

HELP = "score predictions against gold data, under named protocols"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx score``."""
    parser.add_argument("gold", metavar="GOLD", help="labelled data, in any form that relx reads")
    parser.add_argument("predicted", metavar="PREDICTED", help="the same sentences as relx predict writes them")
    parser.add_argument(
        "--protocol", action="append", metavar="NAME",
        help="what counts as equal; may be repeated, the first is shown in full (default: all that fit GOLD)",
    )  # fmt: skip
    parser.add_argument("--reader", metavar="NAME", help="the reader of GOLD and --seen (default: judged by content)")
    parser.add_argument("--seen", metavar="FILE", help="training data: also score the triples that it does not hold")
    parser.add_argument("--json", action="store_true", help="print one JSON object with a report for each protocol")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ConfigError, DataError, UnknownProtocol."""
    import json

    from relx import scoring

    include_plugins(args)
    for name in args.protocol or ():
        scoring.find_protocol(name)
    gold, predicted = _read(args.gold, args.reader), _read(args.predicted, "jsonl")
    seen = set(scoring.text_triples(_read(args.seen, args.reader))) if args.seen else None
    names = args.protocol or scoring.fitting_protocols(gold)
    reports = [scoring.score(gold, predicted, name, seen) for name in dict.fromkeys(names)]
    if args.json:
        print(json.dumps({report.protocol: report.to_json() for report in reports}, indent=2, ensure_ascii=False))
    else:
        print(scoring.render(*reports))
    return 0


def _read(path: str, reader: str | None) -> "list[Example]":
    from relx.readers import make_reader, reader_for

    return list(make_reader(reader or reader_for(path)).read(path))
