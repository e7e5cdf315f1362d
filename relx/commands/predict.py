"""``relx predict``: entities and relations of raw text, tokens or labeled examples."""

import argparse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from relx.commands.common import (
    add_archive_argument,
    add_include_argument,
    add_prediction_arguments,
    decision_of,
    enforcement_of,
    include_plugins,
    open_output,
    require_extra,
)

if TYPE_CHECKING:
    from relx.annotators.gazetteer import Gazetteer
    from relx.predictors.documents import Input
    from relx.predictors.lines import LinePredictor, Source
    from relx.predictors.predictor import Predictor

MINUTE = 60.0
TABLE_OPTIONS = ("id-column", "keep", "workers", "part-tokens", "engine", "address")
PART_TOKENS = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_archive_argument(parser)
    parser.add_argument(
        "inputs", nargs="+", metavar="PATH",
        help='texts, folders of .txt files, or files of JSON lines with "text" or "tokens"; - for standard input; '
        "with --column tables",
    )  # fmt: skip
    parser.add_argument(
        "--reader", metavar="READER",
        help="read files or folders of this form, such as dygie or brat; the output has one line for each sentence",
    )  # fmt: skip
    parser.add_argument(
        "--sentences", "--text", action="store_true",
        help="do not split texts: each line, or record, is one sentence, and the output has one line for it",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=int, default=1, metavar="K",
        help="read K neighboring sentences at once, which finds relations between them (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="FILE",
        help="write to this file when all input is predicted (default: standard output); a folder for tables",
    )  # fmt: skip
    parser.add_argument(
        "--on-error", choices=("stop", "record"),
        help="stop at a bad line, or write an object with its error (default: stop; for rows of tables record)",
    )  # fmt: skip
    parser.add_argument(
        "--max-errors", type=float, default=0.5, metavar="SHARE",
        help="with --on-error record: exit with code 2 if more than this share of lines is bad (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--longest", type=int, metavar="TOKENS",
        help="read longer sentences in pieces (default: 512), or reject longer lines (--sentences): heads "
        "that score pairs need time quadratic in the length",
    )  # fmt: skip
    parser.add_argument(
        "--triples", action="store_true",
        help="print each distinct triple of the documents once, with its best score, its count and its places",
    )  # fmt: skip
    parser.add_argument(
        "--slim", action="store_true", help="write only spans, types and relations, without texts, tokens and scores"
    )
    add_prediction_arguments(parser)
    parser.add_argument(
        "--entities", metavar="FILE",
        help="predict relations between the names of this CSV file (columns name, type) in a text",
    )  # fmt: skip
    parser.add_argument("--ignore-case", action="store_true", help="match the names of --entities in any case")
    parser.add_argument(
        "--add-relation", action="append", default=[], metavar="'NAME: DESCRIPTION'",
        help="also predict this relation, which the model has not learned, by what it means in words; its triples are "
        "marked as unseen; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--explain", action="store_true", help="print on standard error each relation that --schema drops, and its rule"
    )
    add_include_argument(parser)
    _add_table_arguments(parser)


def _add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that need ``--column``."""
    tables = parser.add_argument_group(
        "tables", "Parquet, Arrow, Feather, CSV (.gz) and JSON lines (.gz): files, folders, patterns; needs relx[bulk]"
    )
    tables.add_argument("--column", metavar="NAME", help="the inputs are tables, and this column has the texts")
    tables.add_argument("--id-column", metavar="NAME", help="the column of the ids (default: FILE:ROW is the id)")
    tables.add_argument(
        "--keep", action="append", default=[], metavar="NAME", help="copy this column too; may be repeated"
    )
    tables.add_argument("--workers", type=int, metavar="N", help="processes, or actors of Ray (default: 1)")
    tables.add_argument(
        "--part-tokens", type=int, metavar="N",
        help=f"divide the work into parts of about N tokens, each a file of the output (default: {PART_TOKENS:,})",
    )  # fmt: skip
    tables.add_argument("--engine", choices=("ray",), help="predict by actors of Ray; needs relx[ray]")
    tables.add_argument("--address", help="the Ray cluster to work on (default: start one on this machine)")


def run(args: argparse.Namespace) -> int:
    """Predict. Raises PluginError, ArchiveError, ConfigError, DataError."""
    import sys

    from relx.errors import ConfigError, DataError

    if not 0 <= args.max_errors <= 1:
        raise ConfigError(f"--max-errors {args.max_errors}: expected a share from 0 to 1")
    if args.window < 1:
        raise ConfigError(f"--window {args.window}: expected a number of sentences, at least 1")
    if args.longest is not None and args.longest < 1:
        raise ConfigError(f"--longest {args.longest}: expected a number of tokens, at least 1")
    _require_effect(args)
    if args.column is not None:
        return _predict_tables(args)
    include_plugins(args)

    from relx.data.json_form import to_line
    from relx.predictors.documents import LONGEST, DistinctTriples
    from relx.predictors.given import GivenEntities
    from relx.predictors.lines import LinePredictor, readable, slim, text_files
    from relx.predictors.predictor import Predictor

    paths = {path: path for path in args.inputs} if args.reader else text_files(args.inputs)
    predictor = Predictor.load(args.archive, args.device, args.override)
    added = _added(args.add_relation)
    enforcement = enforcement_of(predictor, args.schema, args.explain, added)
    decision = decision_of(predictor, args, _given(args, predictor), added)
    documents = None
    if not args.sentences and not args.reader:
        documents = predictor.document_predictor(decision, args.window, args.longest or LONGEST)
    lines = LinePredictor(
        predictor, args.on_error == "record", args.longest, decision, enforcement, documents,
        name_files=len(paths) > 1, needs_records=args.given_entities,
    )  # fmt: skip
    distinct = DistinctTriples()
    with open_output(args.output) as out:
        for answer in lines.respond(_inputs(lines, paths, args.reader)):
            if args.triples and "sentences" in answer:
                distinct.add(answer)
            else:
                line = readable(answer) if args.triples else to_line(slim(answer) if args.slim else answer)
                out.write(f"{line}\n")
        out.writelines(f"{line}\n" for line in distinct.lines())
    facts = documents.notes() if documents is not None else []
    unit = "window" if args.window > 1 else "sentence"
    facts += [decision.given.summary(unit)] if isinstance(decision.given, GivenEntities) else []
    facts += [enforcement.summary()] if enforcement is not None else []
    facts += [lines.summary()] if lines.failures else []
    for fact in facts:
        print(fact, file=sys.stderr)
    if lines.failures.total() > args.max_errors * lines.lines:
        name = args.inputs[0] if len(args.inputs) == 1 else "the inputs"
        raise DataError(f"{name}: more than {args.max_errors:.0%} of the lines have no prediction (--max-errors)")
    return 0


def _inputs(lines: "LinePredictor", paths: Mapping[str, str], reader: str | None) -> "Iterator[tuple[Source, Input]]":
    """Yield the inputs in files: with a reader the sentences of a corpus, else texts and records."""
    from relx.predictors.texts import record_lines

    if reader is None:
        yield from lines.files(paths, _with_progress(paths.values()))
        return
    for path in paths:
        yield from lines.inputs(path, record_lines(path, lines.predictor, reader))


def _require_effect(args: argparse.Namespace) -> None:
    """Raise ConfigError for an option that others leave without effect."""
    from relx.errors import ConfigError

    if args.given_entities and args.entities is not None:
        raise ConfigError(
            "--given-entities takes the entities of the input, --entities those of a list; give one of them"
        )
    alone = "--sentences" if args.sentences else "--reader" if args.reader else None
    if alone is not None and args.window > 1:
        raise ConfigError(f"--window has no effect with {alone}, which reads one sentence at a time")
    if args.ignore_case and args.entities is None:
        raise ConfigError("--ignore-case has no effect without --entities")
    if args.explain and args.schema is None:
        raise ConfigError("--explain has no effect without --schema")
    if args.slim and args.triples:
        raise ConfigError("--slim has no effect with --triples, which prints texts")
    if args.column is None:
        _require_no_tables(args)


def _require_no_tables(args: argparse.Namespace) -> None:
    """Raise ConfigError for options and files of tables without the column of the texts."""
    from relx.errors import ConfigError

    for name in TABLE_OPTIONS:
        if getattr(args, name.replace("-", "_")):
            raise ConfigError(f"--{name} has no effect without --column, which names the texts of tables")
    for path in args.inputs:
        if path.endswith((".parquet", ".arrow", ".feather")):
            raise ConfigError(f"{path}: is a table by its name; name the column of its texts (--column)")


def _predict_tables(args: argparse.Namespace) -> int:
    """Predict tables. Raises MissingExtra, ConfigError, and what ``predict_tables`` raises."""
    import sys

    from relx.errors import ConfigError, DataError

    given = {"triples": args.triples, "slim": args.slim, "explain": args.explain, "reader": args.reader,
             "given-entities": args.given_entities, "add-relation": args.add_relation,
             "on-error stop": args.on_error == "stop"}  # fmt: skip
    for name in (name for name, value in given.items() if value):
        raise ConfigError(f"--{name} does not go with tables (--column)")
    if args.output is None:
        raise ConfigError("tables need a folder for the output: --output FOLDER")
    if args.address is not None and args.engine is None:
        raise ConfigError("--address has no effect without --engine ray")
    for name in ("workers", "part_tokens"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} {value}: expected a number, at least 1")
    require_extra("pyarrow", "bulk")
    if args.engine == "ray":
        require_extra("ray", "ray")

    from relx.bulk import Engine, Settings, predict_tables

    settings = Settings(
        args.archive, args.column, args.part_tokens or PART_TOKENS, args.id_column, tuple(dict.fromkeys(args.keep)),
        args.sentences, args.window, args.longest, tuple(args.min_score), args.raw_scores, args.entities,
        args.ignore_case, args.schema, tuple(args.override), tuple(args.include), args.device,
    )  # fmt: skip
    engine = Engine(args.workers or 1, args.engine == "ray", args.address)
    lines, failed = predict_tables(settings, args.inputs, args.output, engine)
    print(*lines, sep="\n", file=sys.stderr)
    if failed > args.max_errors:
        raise DataError(f"{args.output}: more than {args.max_errors:.0%} of the rows have no prediction (--max-errors)")
    return 0


def _given(args: argparse.Namespace, predictor: "Predictor") -> "bool | Gazetteer":
    """Return whether entities are given, or the names of the list. Raises DataError."""
    return predictor.gazetteer(args.entities, args.ignore_case) if args.entities is not None else args.given_entities


def _added(arguments: Sequence[str]) -> dict[str, str]:
    """Read the relations to add: NAME: DESCRIPTION. Raises ConfigError with all that are none, or given twice."""
    from relx.errors import ConfigError

    added: dict[str, str] = {}
    faults = []
    for argument in arguments:
        name, colon, description = (part.strip() for part in argument.partition(": "))
        if not colon or not name or not description:
            faults.append(f"{argument!r}: expected 'NAME: DESCRIPTION', such as 'born_in: the place of birth'")
        elif name in added:
            faults.append(f"{name!r} is given twice")
        added[name] = description
    if faults:
        raise ConfigError("\n".join(f"--add-relation {fault}" for fault in faults))
    return added


def _with_progress(paths: Collection[str]) -> Callable[[str], Iterator[bytes]]:
    """Return what yields the lines of each input.

    Shows a progress bar on a terminal if the size of the inputs is known, and otherwise logs a message every minute.
    """
    import logging
    import os
    import sys
    from time import monotonic

    from tqdm import tqdm

    from relx.errors import DataError
    from relx.utils.files import byte_lines

    known = all(os.path.isfile(path) and not path.endswith(".gz") for path in paths)
    size = sum(map(os.path.getsize, paths)) if known else None
    bar = tqdm(total=size, unit="B", unit_scale=True, disable=not (size and sys.stderr.isatty()))
    left, said, read = len(paths), monotonic(), 0

    def lines_of(path: str) -> Iterator[bytes]:
        nonlocal left, said, read
        try:
            for line in sys.stdin.buffer if path == "-" else byte_lines(path):
                read += 1
                bar.update(len(line))
                yield line
                if bar.disable and monotonic() - said >= MINUTE:
                    said = monotonic()
                    logging.getLogger(__name__).info("%s lines read", f"{read:,}")
        except OSError as error:
            raise DataError(f"standard input cannot be read: {error.strerror}") from None
        left -= 1
        if not left:
            bar.close()

    return lines_of
