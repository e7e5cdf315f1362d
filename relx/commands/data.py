"""``relx data``: what a corpus holds, and what about it will surprise."""

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relx.commands.common import (
    add_experiment_arguments,
    experiment_class,
    include_plugins,
    load_experiment,
    print_json,
)

if TYPE_CHECKING:
    from relx.data.example import Example
    from relx.errors import Faults
    from relx.readers.reader import DatasetReader
    from relx.schema import Violation

SPLITS = {"train": "train_data_path", "dev": "validation_data_path", "test": "test_data_path"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx data``."""
    parser.add_argument("paths", nargs="+", metavar="EXPERIMENT|FILE", help="an experiment file, or corpus files")
    parser.add_argument("--reader", metavar="READER", help="the form of the files (default: recognized by content)")
    parser.add_argument("--schema", metavar="FILE", help="list the relations that break this schema, by sentence")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_experiment_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report. Raises DataError, ConfigError, PluginError."""
    from relx.data.report import report_corpus
    from relx.data.report_text import render
    from relx.utils.text import counted, printable

    include_plugins(args)
    experiment = _experiment(args)
    vectors = _vectors((experiment or {}).get("model", {}))
    splits = _read(experiment, args)
    report = report_corpus(splits, vectors)
    broken = None if args.schema is None else _violations(args.schema, splits)
    if args.json:
        print_json(report.to_json() | ({} if broken is None else {"violations": [v._asdict() for v in broken]}))
        return 0
    print(render(report))
    if broken is not None:
        print(f"\n{counted(len(broken), 'relation')} of the data to drop so that the others follow {args.schema}")
        for file, sentence, _, reason in broken:
            print(printable(f"  {file}, sentence {sentence:,}: {reason}"))
    return 0


def _read(experiment: dict[str, Any] | None, args: argparse.Namespace) -> "dict[str, list[Example]]":
    """Return the sentences of each file. Raises one DataError that shows every fault of every file."""
    from relx.errors import Faults
    from relx.readers import read_files

    faults, splits = Faults(), {}
    files = _named_files(args, faults) if experiment is None else _files_of(experiment, args)
    with faults.gathered():
        splits = read_files(files)
    faults.raise_any(in_full=True)
    return splits


def _violations(path: str, splits: "Mapping[str, Sequence[Example]]") -> "list[Violation]":
    import logging

    from relx.readers.documents import by_document
    from relx.schema import Schema, violations

    schema = Schema.read(path)
    examples = [example for split in splits.values() for example in split]
    types = {entity.type for example in examples for entity in example.entities if entity.type is not None}
    relations = {relation.type for example in examples for relation in example.relations}
    for fault in schema.unknown_names(sorted(relations), sorted(types)):
        logging.getLogger(__name__).warning("%s: %s", path, fault)
    return [
        violation
        for name, split in splits.items()
        for violation in violations(schema, name, (sentences for _, sentences in by_document(split)))
    ]


def _experiment(args: argparse.Namespace) -> dict[str, Any] | None:
    from relx import config
    from relx.errors import ConfigError

    first, *others = args.paths
    if not _is_experiment(first):
        if args.var or args.override:
            raise ConfigError(f"{first}: is no experiment file, so --var and -o do not apply")
        return None
    if others:
        raise ConfigError(f"{first}: an experiment names its own data; give either the experiment or corpus files")
    experiment = load_experiment(first, args)
    config.require_valid(experiment, experiment_class(), first)
    return experiment


def _is_experiment(path: str) -> bool:
    from relx import config
    from relx.errors import ConfigError

    if not path.endswith(".json"):
        return path.endswith(".jsonnet")
    try:
        return "dataset_reader" in config.load(path)
    except ConfigError:
        return False


def _files_of(experiment: dict[str, Any], args: argparse.Namespace) -> "dict[str, tuple[DatasetReader, str]]":
    from relx import config
    from relx.annotators.sentence_splitters.splitter import SentenceSplitter
    from relx.annotators.tokenizers.tokenizer import Tokenizer
    from relx.readers import make_reader

    kinds = {"tokenizer": Tokenizer.__kind__, "sentence_splitter": SentenceSplitter.__kind__}
    described = {name: kind for name, kind in kinds.items() if experiment.get(name) is not None}
    parts = {name: config.build_part(kind, experiment[name]) for name, kind in described.items()}
    reader = make_reader(
        args.reader or experiment["dataset_reader"], parts.get("tokenizer"), parts.get("sentence_splitter")
    )
    return {name: (reader, experiment[key]) for name, key in SPLITS.items() if experiment.get(key) is not None}


def _named_files(args: argparse.Namespace, faults: "Faults") -> "dict[str, tuple[DatasetReader, str]]":
    """Return the reader and the path of each file. Files of unknown format become faults."""
    from relx.readers import make_reader, reader_for

    files = {}
    for name, path in _short_names(dict.fromkeys(args.paths)).items():
        with faults.gathered():
            files[name] = make_reader(args.reader or reader_for(path)), path
    return files


def _short_names(paths: Collection[str]) -> dict[str, str]:
    """Return file names for paths, or the paths themselves if two have the same name."""
    short = {os.path.basename(os.path.normpath(path)): path for path in paths}
    return short if len(short) == len(paths) else {path: path for path in paths}


def _vectors(tree: Any) -> list[str]:
    """Return the vectors files that an experiment's model names, at any depth."""
    if isinstance(tree, list):
        return [path for item in tree for path in _vectors(item)]
    if not isinstance(tree, dict):
        return []
    own = [tree["vectors"]] if isinstance(tree.get("vectors"), str) else []
    return list(dict.fromkeys(own + [path for value in tree.values() for path in _vectors(value)]))
