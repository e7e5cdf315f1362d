"""``relx score``: predictions against gold data, under named protocols."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import print_json
from relx.commands.scores import add_score_arguments, prepare, to_json

if TYPE_CHECKING:
    from relx.data.example import Example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx score``."""
    parser.add_argument("gold", metavar="GOLD", help="labeled data, in any form that relx reads")
    parser.add_argument("predicted", metavar="PREDICTED", help="the same sentences, as relx predict writes them")
    add_score_arguments(
        parser,
        "what counts as equal; may be repeated, the first is shown in full (default: all that fit GOLD)",
        "the reader of GOLD and --seen (default: recognized by content)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ConfigError, DataError, UnknownProtocol."""
    from relx import scoring
    from relx.errors import faults_in

    prepare(args)
    gold, predicted, train = _read(args)
    with faults_in(args.gold):
        reports = scoring.score_all(gold, predicted, args.protocol or scoring.fitting_protocols(gold), train)
    if args.json:
        print_json(to_json(reports))
    else:
        print(scoring.render(*reports.values()))
    return 0


def _read(args: argparse.Namespace) -> "tuple[list[Example], list[Example], list[Example] | None]":
    """Read the gold data, the predictions and the training data. Raises one DataError for the faults of all files."""
    from relx.errors import DataError
    from relx.readers import make_reader, read_files, reader_for

    try:
        form = reader_for(args.predicted)
    except DataError:  # what no reader recognizes, and what can be read only once, is to be relx's own form
        form = "jsonl"
    files = {
        "gold": (make_reader(args.reader or reader_for(args.gold)), args.gold),
        "predicted": (make_reader({"type": form, "labels": "predicted"} if form == "dygie" else form), args.predicted),
    }
    if args.seen:
        files["train"] = (make_reader(args.reader or reader_for(args.seen)), args.seen)
    found = read_files(files)
    return found["gold"], _answered(found["gold"], found["predicted"], args.predicted), found.get("train")


def _answered(gold: "list[Example]", predicted: "list[Example]", path: str) -> "list[Example]":
    """Return the predictions; the sentence without predictions replaces each recorded error."""
    import logging
    from itertools import chain, repeat

    from relx.readers import holds_error

    failed = sum(map(holds_error, predicted))
    if failed:
        logging.getLogger(__name__).warning("%s: %d errors count as sentences without predictions", path, failed)
    pairs = zip(predicted, chain(gold, repeat(None)), strict=False)
    return [wanted.unlabeled() if wanted and holds_error(found) else found for found, wanted in pairs]
