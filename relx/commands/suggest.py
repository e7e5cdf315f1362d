"""``relx suggest``: what a trained archive finds in texts, as suggestions for an annotation tool."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relx.commands.common import (
    add_device_argument,
    add_include_argument,
    add_score_choice,
    include_plugins,
)

if TYPE_CHECKING:
    from relx.data.example import Example

HELP = "write what an archive finds in texts as suggestions for Label Studio, doccano, Prodigy or brat"

FORMS: dict[str, str | dict[str, str]] = {
    "labelstudio": {"type": "labelstudio", "labels": "predicted"},
    "doccano": "doccano",
    "prodigy": "prodigy",
    "brat": "brat",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("archive", help="a model.tar.gz that relx train wrote")
    parser.add_argument(
        "input", metavar="TEXTS", help="sentences of any form, labeled or not: a file, or brat's folder"
    )
    parser.add_argument("--text", action="store_true", help="the lines of TEXTS are plain text")
    parser.add_argument("--reader", metavar="READER", help="the form of TEXTS (default: judged by content)")
    parser.add_argument("--to", required=True, choices=FORMS, help="the annotation tool")
    parser.add_argument("--output", required=True, metavar="OUT", help="a file, or for brat a folder")
    parser.add_argument("--untyped", metavar="TYPE", help="the type of mentions that the model gives none")
    add_score_choice(parser)
    add_device_argument(parser, "predict")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the suggestions and say how many. Raises PluginError, ArchiveError, ConfigError, DataError, RelxError."""
    import sys

    include_plugins(args)

    from relx.calibration.min_score import parse
    from relx.predictors.predictor import Predictor
    from relx.predictors.texts import texts_of
    from relx.readers import make_reader
    from relx.readers.held import with_type
    from relx.utils.text import counted

    predictor = Predictor.load(args.archive, args.device)
    counts = {"sentence": 0, "entity": 0, "triple": 0}
    texts = texts_of(args.input, predictor, args.text, args.reader)
    suggested = predictor.stream(texts, min_score=parse(args.min_score), calibrated=not args.raw_scores)
    if args.untyped:
        suggested = (with_type(example, args.untyped) for example in suggested)
    make_reader(FORMS[args.to]).write(_counted(suggested, counts), args.output)
    held = ", ".join(counted(number, noun) for noun, number in counts.items())
    print(f"{args.input} -> {args.output} ({args.to}): {held} suggested", file=sys.stderr)
    return 0


def _counted(examples: "Iterable[Example]", counts: dict[str, int]) -> "Iterator[Example]":
    for example in examples:
        counts["sentence"] += 1
        counts["entity"] += len(example.entities)
        counts["triple"] += len(example.relations)
        yield example
