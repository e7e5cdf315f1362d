"""What several commands share: arguments, how an experiment file is loaded, and how output is written."""

import argparse
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TextIO

    from relx.annotators.gazetteer import Gazetteer
    from relx.calibration.decision import Decision
    from relx.predictors.predictor import Predictor
    from relx.registry import Reference
    from relx.schema import Enforcement


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--var``, ``-o`` and ``--include``."""
    parser.add_argument(
        "--var", action="append", default=[], metavar="NAME=VALUE", help="a variable of the file (JSON, else a string)"
    )
    add_override_argument(parser, "the file")
    add_include_argument(parser)


def add_override_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``-o``, which replaces values of ``what``."""
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="KEY.KEY=VALUE", help=f"replace one value of {what}"
    )


def add_archive_argument(parser: argparse.ArgumentParser) -> None:
    """Add the archive as the first argument."""
    parser.add_argument("archive", help="a model.tar.gz that relx train wrote")


def add_device_argument(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add ``--device``; ``purpose`` is a verb."""
    parser.add_argument(
        "--device", help=f"where to {purpose}: cpu, cuda, cuda:1 (default: a GPU if there is one)"
    )  # fmt: skip


def add_include_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--include``."""
    parser.add_argument(
        "--include", action="append", default=[], metavar="PLUGIN", help="a module name or .py path to import first"
    )


def include_plugins(args: argparse.Namespace) -> None:
    """Import the plugins that ``--include`` names. Raises PluginError."""
    from relx import plugins

    for plugin in args.include:
        plugins.include(plugin)


def load_experiment(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return the tree of an experiment file after plugins, variables and overrides.

    Raises PluginError and ConfigError.
    """
    from relx import config

    include_plugins(args)
    return config.override(config.load(path, _variables(args.var)), args.override)


def add_score_choice(parser: argparse.ArgumentParser) -> None:
    """Add ``--min-score`` and ``--raw-scores``."""
    parser.add_argument(
        "--min-score", action="append", default=[], metavar="[NAME=]SCORE",
        help="the minimum score: of all predictions, of entities or relations, or of a type; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--raw-scores", action="store_true", help="use the scores and thresholds of the model, without its calibration"
    )


def add_prediction_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``, ``-o``, and what decides on predictions: scores, given entities and a schema."""
    add_device_argument(parser, "predict")
    add_score_choice(parser)
    parser.add_argument(
        "--given-entities", action="store_true", help="predict relations between the entities of the input only"
    )
    parser.add_argument("--schema", metavar="FILE", help="drop the relations that break this schema (relx schema)")
    add_override_argument(parser, "the archive's experiment")


def decision_of(
    predictor: "Predictor",
    args: argparse.Namespace,
    given_entities: "bool | Gazetteer" = False,
    add_relations: Mapping[str, str] | None = None,
) -> "Decision":
    """Return what decides on predictions as these arguments say. Raises ConfigError with all that is wrong."""
    from relx.calibration.min_score import parse

    return predictor.decision(parse(args.min_score), not args.raw_scores, given_entities, add_relations)


def enforcement_of(
    predictor: "Predictor", path: str | None, explain: bool = False, added: Iterable[str] = ()
) -> "Enforcement | None":
    """Return what enforces the schema in a file. Raises DataError for a bad file, ConfigError for unknown names."""
    import sys
    from functools import partial

    from relx.schema import Enforcement, Schema

    if path is None:
        return None
    schema = Schema.read(path)
    predictor.require_known(schema, path, added)
    return Enforcement(schema, partial(print, file=sys.stderr) if explain else None)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object: in UTF-8 as it is, in any other encoding of standard output with escapes."""
    import codecs
    import json
    import sys

    from relx.utils.text import json_text

    is_utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    print(json_text(content, indent=2) if is_utf8 else json.dumps(content, indent=2))


def open_output(name: str | None) -> "AbstractContextManager[TextIO]":
    """Return what opens the file of that name, or standard output, which then takes UTF-8, for None."""
    import sys
    from contextlib import nullcontext

    from relx.utils.files import atomic_write

    if name is not None:
        return atomic_write(name)
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(encoding="utf-8")  # JSON lines are UTF-8 whatever the terminal's language
    return nullcontext(sys.stdout)


def require_extra(package: str, extra: str) -> None:
    """Raise MissingExtra, with what to type, where an optional package is not installed."""
    from importlib.util import find_spec

    from relx.errors import MissingExtra

    if find_spec(package) is None:
        raise MissingExtra(f"this needs {package}, which is not installed; get it with: pip install 'relx[{extra}]'")


def quieten_torch_of_several() -> None:
    """Keep torch, which is not loaded yet, from warnings where this process is one of several: see Distributed."""
    import os

    if "LOCAL_RANK" in os.environ:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def experiment_class() -> "Reference":
    """Return the class that the top level of an experiment file describes."""
    from relx.registry import Reference

    return Reference("relx.training.experiment", "Experiment")


def _variables(assignments: list[str]) -> dict[str, str]:
    from relx.errors import ConfigError

    variables = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise ConfigError(f"--var {assignment}: expected name=value")
        variables[name] = value
    return variables
