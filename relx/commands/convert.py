"""``relx convert``: a corpus from one form into another."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from relx.data.example import Example

UNLOCATED = ("unlocated mentions", "unlocated triples")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx convert``."""
    parser.add_argument("input", metavar="IN", help="a corpus: a file, or brat's folder")
    parser.add_argument("output", metavar="OUT", help="the output: a file (compressed if it ends in .gz), or a folder")
    parser.add_argument("--from", dest="source", metavar="READER", help="the form of IN (default: by its content)")
    parser.add_argument("--to", default="jsonl", metavar="READER", help="the form of OUT (default: jsonl)")
    parser.add_argument("--tokenizer", metavar="NAME", help="the tokenizer of raw texts (default: whitespace)")
    parser.add_argument("--sentence-splitter", metavar="NAME", help="the splitter of documents (default: rules)")
    parser.add_argument("--untyped", metavar="TYPE", help="the type of mentions without one, for forms that need one")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the converted corpus and say what it holds. Raises DataError, ConfigError, PluginError."""
    import sys

    from relx import config
    from relx.annotators.sentence_splitters.splitter import SentenceSplitter
    from relx.annotators.tokenizers.tokenizer import Tokenizer
    from relx.readers import holds_error, make_reader, reader_for, require_writable, sentences_of
    from relx.readers.held import with_type

    include_plugins(args)
    _refuse_same_file(args.input, args.output)
    require_writable(args.to)
    source = args.source or reader_for(args.input)
    tokenizer = config.build_part(Tokenizer.__kind__, args.tokenizer) if args.tokenizer else None
    described = args.sentence_splitter
    splitter = config.build_part(SentenceSplitter.__kind__, described) if described else None
    counts = dict.fromkeys(("sentences", "entities", "triples", *UNLOCATED), 0)
    read = sentences_of(make_reader(source, tokenizer, splitter), args.input)
    examples = (example for example in read if not holds_error(example))
    if args.untyped:
        examples = (with_type(example, args.untyped) for example in examples)
    make_reader(args.to).write(_counted(examples, counts), args.output)
    held = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name not in UNLOCATED)
    print(f"{args.input} ({source}) -> {args.output} ({args.to}): {held}", file=sys.stderr)
    return 0


def _refuse_same_file(source: str, target: str) -> None:
    from pathlib import Path

    from relx.errors import DataError

    if Path(source).resolve() == Path(target).resolve():
        raise DataError(f"{target}: is the input; give the output another name")


def _counted(examples: "Iterable[Example]", counts: dict[str, int]) -> "Iterator[Example]":
    for example in examples:
        counts["sentences"] += 1
        counts["entities"] += len(example.entities)
        counts["triples"] += len(example.relations)
        counts[UNLOCATED[0]] += sum(not entity.located for entity in example.entities)
        counts[UNLOCATED[1]] += sum(not relation.located for relation in example.relations)
        yield example
