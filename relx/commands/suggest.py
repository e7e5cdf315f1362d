"""``relx suggest``: what a trained archive finds in texts, as suggestions for an annotation tool."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relx.commands.common import (
    add_archive_argument,
    add_device_argument,
    add_include_argument,
    add_score_choice,
    decision_of,
    include_plugins,
)

if TYPE_CHECKING:
    from relx.data.document import Document
    from relx.data.example import Example
    from relx.predictors.predictor import Predictor

FORMS: dict[str, str | dict[str, str]] = {
    "labelstudio": {"type": "labelstudio", "labels": "predicted"},
    "doccano": "doccano",
    "prodigy": "prodigy",
    "brat": "brat",
    "webanno": "webanno",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_archive_argument(parser)
    parser.add_argument(
        "input", metavar="TEXTS", help="sentences of any form, labeled or not: a file, or brat's folder"
    )
    parser.add_argument("--text", action="store_true", help="the lines of TEXTS are plain text")
    parser.add_argument("--reader", metavar="READER", help="the form of TEXTS (default: recognized by content)")
    parser.add_argument(
        "--documents", action="store_true",
        help="one suggestion for each whole text, as relx predict reads it: lines of JSON, a text, a folder of .txt",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=int, default=1, metavar="K", help="with --documents: read K neighboring sentences at once"
    )
    parser.add_argument("--to", required=True, choices=FORMS, help="the annotation tool")
    parser.add_argument("--output", required=True, metavar="OUT", help="a file, or for brat and webanno a folder")
    parser.add_argument("--untyped", metavar="TYPE", help="the type of mentions without a type")
    add_score_choice(parser)
    add_device_argument(parser, "predict")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the suggestions and say how many. Raises PluginError, ArchiveError, ConfigError, DataError, RelxError."""
    import sys

    from relx.errors import ConfigError

    if args.documents and (args.text or args.reader):
        raise ConfigError("--documents reads texts as relx predict does; leave out --text and --reader")
    if args.window != 1 and not args.documents:
        raise ConfigError("--window has no effect without --documents")
    include_plugins(args)

    from relx.predictors.predictor import Predictor
    from relx.readers import make_reader
    from relx.readers.held import with_type
    from relx.utils.text import counted

    predictor = Predictor.load(args.archive, args.device)
    counts = {"document" if args.documents else "sentence": 0, "entity": 0, "triple": 0}
    suggested = _of_documents(args, predictor) if args.documents else _of_sentences(args, predictor)
    if args.untyped:
        suggested = (with_type(example, args.untyped) for example in suggested)
    make_reader(FORMS[args.to]).write(_counted(suggested, counts), args.output)
    held = ", ".join(counted(number, noun) for noun, number in counts.items())
    print(f"{args.input} -> {args.output} ({args.to}): {held} suggested", file=sys.stderr)
    return 0


def _of_sentences(args: argparse.Namespace, predictor: "Predictor") -> "Iterator[Example]":
    from relx.calibration.min_score import parse
    from relx.predictors.texts import texts_of

    texts = texts_of(args.input, predictor, args.text, args.reader)
    return predictor.stream(texts, min_score=parse(args.min_score), calibrated=not args.raw_scores)


def _of_documents(args: argparse.Namespace, predictor: "Predictor") -> "Iterator[Example]":
    """Yield each document as one Example that knows its place: relations may join its sentences."""
    from relx.data.document import Document
    from relx.predictors.lines import LinePredictor, text_files

    decision = decision_of(predictor, args)
    documents = predictor.document_predictor(decision, args.window)
    lines = LinePredictor(predictor, decision=decision, documents=documents)
    for answer in lines.predictions(lines.files(text_files([args.input]))):
        yield _whole(answer) if isinstance(answer, Document) else answer


def _whole(document: "Document") -> "Example":
    """Return a document as one Example, with its id and its place in the text."""
    from dataclasses import replace

    from relx.data.windows import DOCUMENT, END, START

    whole = document.whole()
    if not document.sentences:
        return replace(whole, text=document.text, offsets=[], id=document.id, meta=document.meta)
    start = document.starts[0]
    place = {DOCUMENT: document.id, START: start, END: start + len(whole.text or "")} if document.id else {}
    return replace(whole, id=document.id, meta={**(document.meta or {}), **place} or None)


def _counted(examples: "Iterable[Example]", counts: dict[str, int]) -> "Iterator[Example]":
    for example in examples:
        counts[next(iter(counts))] += 1
        counts["entity"] += len(example.entities)
        counts["triple"] += len(example.relations)
        yield example
