"""``relx evaluate``: a trained archive scored on labelled files."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from relx.predictors.predictor import Predictor
    from relx.readers.reader import DatasetReader
    from relx.scoring import Report

HELP = "score a trained archive on labelled files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("archive", help="a model.tar.gz that relx train wrote")
    parser.add_argument("files", nargs="+", metavar="FILE", help="labelled data")
    parser.add_argument(
        "--protocol", action="append", metavar="NAME",
        help="what counts as equal; may be repeated (default: the experiment's)",
    )  # fmt: skip
    parser.add_argument("--reader", metavar="NAME", help="the reader of the files (default: the experiment's)")
    parser.add_argument("--seen", metavar="FILE", help="training data: also score the triples that it does not hold")
    parser.add_argument("--predictions", metavar="FILE", help="write the predictions for all files here")
    parser.add_argument("--json", action="store_true", help="print one JSON object with the reports of each file")
    parser.add_argument("--device", default="cpu", help="where to run: cpu, cuda (default: %(default)s)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ArchiveError, DataError, UnknownProtocol."""
    import json

    from relx import scoring
    from relx.predictors.predictor import Predictor
    from relx.readers import make_reader

    include_plugins(args)
    for name in args.protocol or ():
        scoring.find_protocol(name)
    predictor = Predictor.load(args.archive, args.device)
    reader = make_reader(args.reader) if args.reader else predictor.archive.parts.reader
    reports = _reports(args, predictor, reader)
    if args.json:
        content = {file: {r.protocol: r.to_json() for r in by_protocol} for file, by_protocol in reports.items()}
        print(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(f"{file}\n{scoring.render(*by_protocol)}" for file, by_protocol in reports.items()))
    return 0


def _reports(
    args: argparse.Namespace, predictor: "Predictor", reader: "DatasetReader"
) -> "dict[str, list[Report]]":
    from contextlib import nullcontext

    from relx.data.json_form import example_to_json, to_line
    from relx.files import atomic_write
    from relx.scoring import score, text_triples

    parts = predictor.archive.parts
    names = args.protocol or parts.protocols
    seen = set(text_triples(list(reader.read(args.seen)))) if args.seen else None
    reports = {}
    with atomic_write(args.predictions) if args.predictions else nullcontext() as out:
        for file in args.files:
            gold = parts.annotated(list(reader.read(file)))
            predicted = predictor.model.extract(gold, parts.loader)
            reports[file] = [score(gold, predicted, name, seen) for name in dict.fromkeys(names)]
            if out is not None:
                out.writelines(to_line(example_to_json(example)) + "\n" for example in predicted)
    return reports
