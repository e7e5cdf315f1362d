"""``relx evaluate``: a trained archive scored on labeled files."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from relx.commands.common import (
    add_archive_argument,
    add_prediction_arguments,
    decision_of,
    enforcement_of,
    print_json,
)
from relx.commands.scores import add_score_arguments, prepare

if TYPE_CHECKING:
    from relx.data.example import Example
    from relx.predictors.evaluation import Evaluation
    from relx.predictors.predictor import Predictor

OUTPUTS = ("predictions", "report", "errors")
LEAST_SCORE = 0.05  # where the curve of precision and recall begins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx evaluate``."""
    add_archive_argument(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="labeled data, in any form that relx reads")
    parser.add_argument("--predictions", metavar="FILE", help="write the predictions for one FILE here")
    parser.add_argument("--report", metavar="PAGE.html", help="write a page of the scores and errors of one FILE here")
    parser.add_argument("--errors", metavar="TABLE.tsv", help="write the errors of one FILE here, for a spreadsheet")
    parser.add_argument(
        "--challenge", action="store_true",
        help="also count false triples: between unrelated mentions, in negated sentences, with swapped mentions",
    )  # fmt: skip
    add_prediction_arguments(parser)
    add_score_arguments(
        parser,
        "what counts as equal; may be repeated, the first is shown in full (default: the experiment's)",
        "the reader of all files (default: the experiment's, or another for a file that only it recognizes)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the scores. Raises PluginError, ArchiveError, ConfigError, DataError, UnknownProtocol."""
    from relx.utils.text import printable

    prepare(args)
    evaluations = _evaluate(args, _output_paths(args))
    if args.json:
        print_json({file: evaluation.to_json() for file, evaluation in evaluations.items()})
    else:
        print("\n\n".join(f"{printable(file)}\n{evaluation}" for file, evaluation in evaluations.items()))
    return 0


def _output_paths(args: argparse.Namespace) -> dict[str, str]:
    """Return the files to write, by option. Raises ConfigError for several evaluated files, and for two equal paths."""
    from relx.errors import ConfigError

    paths = {option: path for option in OUTPUTS if (path := getattr(args, option))}
    for option, path in paths.items():
        if len(args.files) > 1:
            raise ConfigError(
                f"--{option} {path}: holds the {option} of one file, and {len(args.files)} are given; "
                "evaluate them one by one"
            )
    if len(set(paths.values())) < len(paths):
        raise ConfigError(f"{' and '.join(f'--{option}' for option in OUTPUTS)}: write each to a separate file")
    return paths


def _evaluate(args: argparse.Namespace, paths: Mapping[str, str]) -> "dict[str, Evaluation]":
    import sys
    from contextlib import ExitStack

    from relx.errors import faults_in
    from relx.predictors.evaluation import read_labeled, score_predictions
    from relx.predictors.predictor import Predictor
    from relx.utils.files import atomic_write

    predictor = Predictor.load(args.archive, args.device, args.override)
    enforcement = enforcement_of(predictor, args.schema)
    decision = decision_of(predictor, args, args.given_entities)
    found = read_labeled([*args.files, *([args.seen] if args.seen else [])], predictor, args.reader)
    train = found[args.seen] if args.seen else None
    evaluations = {}
    with ExitStack() as stack:
        outputs = {option: stack.enter_context(atomic_write(path)) for option, path in paths.items()}
        for file in args.files:
            with faults_in(file):
                evaluations[file] = score_predictions(
                    predictor, found[file], args.protocol, train, decision, args.challenge, enforcement
                )
            _write(evaluations[file], outputs, file, predictor, args)
    if enforcement is not None:
        print(enforcement.summary(), file=sys.stderr)
    return evaluations


def _write(
    evaluation: "Evaluation",
    outputs: Mapping[str, TextIO],
    file: str,
    predictor: "Predictor",
    args: argparse.Namespace,
) -> None:
    """Write what the options ask for; only one file is evaluated then."""
    from relx.data.json_form import example_to_json, to_line

    if (out := outputs.get("predictions")) is not None:
        out.writelines(to_line(example_to_json(example)) + "\n" for example in evaluation.predicted)
    if (out := outputs.get("report")) is not None:
        candidates = _candidates(evaluation, predictor, args)
        out.write(evaluation.page(f"Evaluation of {file}", predictor.facts.rows(), candidates))
    if (out := outputs.get("errors")) is not None:
        evaluation.write_errors(out)


def _candidates(
    evaluation: "Evaluation", predictor: "Predictor", args: argparse.Namespace
) -> "Sequence[Example] | None":
    """Return the predictions with relations of any score from LEAST_SCORE, for the curve of precision and recall.

    None where the user has set minimum scores or a schema, or given the entities, and for a head without scores.
    """
    scored = any(relation.score is not None for example in evaluation.predicted for relation in example.relations)
    if args.min_score or args.given_entities or args.schema or not scored:
        return None
    decision = predictor.decision({"relations": LEAST_SCORE}, not args.raw_scores)
    return predictor.extract(evaluation.gold, predictor.archive.parts.loader, decision)
