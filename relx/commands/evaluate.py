"""``relx evaluate``: a trained archive scored on labelled files."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_override_argument, print_json
from relx.commands.scores import add_score_arguments, prepare, score_under, to_json

if TYPE_CHECKING:
    from relx.archive import ArchivedParts
    from relx.data.example import Example
    from relx.predictors.predictor import Predictor
    from relx.readers.reader import DatasetReader
    from relx.scoring import Report

HELP = "score a trained archive on labelled files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx evaluate``."""
    parser.add_argument("archive", help="a model.tar.gz that relx train wrote")
    parser.add_argument("files", nargs="+", metavar="FILE", help="labelled data, in any form that relx reads")
    parser.add_argument("--predictions", metavar="FILE", help="write the predictions for one FILE here")
    parser.add_argument("--device", default="cpu", help="where to run: cpu, cuda (default: %(default)s)")
    add_override_argument(parser, "the archive's experiment")
    add_score_arguments(
        parser,
        "what counts as equal; may be repeated, the first is shown in full (default: the experiment's)",
        "the reader of all files (default: the experiment's, or another for a file that only it recognises)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ArchiveError, ConfigError, DataError, UnknownProtocol."""
    from relx import scoring
    from relx.predictors.predictor import Predictor
    from relx.utils.text import printable

    prepare(args)
    _refuse_merged_predictions(args)
    reports = _reports(args, Predictor.load(args.archive, args.device, args.override))
    if args.json:
        print_json({file: to_json(by_protocol) for file, by_protocol in reports.items()})
    else:
        print("\n\n".join(f"{printable(file)}\n{scoring.render(*found)}" for file, found in reports.items()))
    return 0


def _refuse_merged_predictions(args: argparse.Namespace) -> None:
    from relx.errors import ConfigError

    if args.predictions and len(args.files) > 1:
        raise ConfigError(
            f"--predictions {args.predictions}: holds the predictions of one file, and {len(args.files)} are given; "
            "evaluate them one by one"
        )


def _reports(args: argparse.Namespace, predictor: "Predictor") -> "dict[str, list[Report]]":
    from contextlib import nullcontext

    from relx.data.json_form import example_to_json, to_line
    from relx.utils.files import atomic_write

    parts = predictor.archive.parts
    files, train = _read(args, parts)
    reports = {}
    with atomic_write(args.predictions) if args.predictions else nullcontext() as out:
        for file, sentences in files.items():
            gold = parts.annotated(sentences)
            predicted = predictor.model.extract(gold, parts.loader)
            reports[file] = score_under(args.protocol or parts.protocols, gold, predicted, train)
            if out is not None:
                out.writelines(to_line(example_to_json(example)) + "\n" for example in predicted)
    return reports


def _read(args: argparse.Namespace, parts: "ArchivedParts") -> "tuple[dict[str, list[Example]], list[Example] | None]":
    """The sentences of each file, and those of ``--seen``. Raises DataError for the faults of all."""
    from relx.readers import make_reader, read_files

    paths = [*args.files, *([args.seen] if args.seen else [])]
    named = make_reader(args.reader, parts.tokenizer) if args.reader else None
    found = read_files({path: (named or _fitting(path, parts), path) for path in paths})
    return {path: found[path] for path in args.files}, found[args.seen] if args.seen else None


def _fitting(path: str, parts: "ArchivedParts") -> "DatasetReader":
    """The experiment's own reader, unless another alone recognises the file."""
    from relx.errors import DataError
    from relx.readers import make_reader, reader_for
    from relx.utils.files import require_file

    require_file(path, "name the form of its records (--reader), or write it to a file")
    if parts.reader.recognises(path):
        return parts.reader
    try:
        return make_reader(reader_for(path), parts.tokenizer)
    except DataError:
        # A plugin's reader need not recognise its form.
        return parts.reader
