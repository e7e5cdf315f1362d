"""``relx compare``: runs side by side, as a table, and whether their differences are more than chance."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins
from relx.errors import ConfigError, DataError
from relx.utils.text import aligned, distinct_names, printable

if TYPE_CHECKING:
    from relx.comparison.bootstrap import Difference
    from relx.comparison.runs import Comparison, Scores, System
    from relx.scoring.sentences import SentenceCounts

HEADER = ("system", "runs", "precision", "recall", "F1", "best F1", "difference", "95 % interval", "p")
NONE = "-"
LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)
Row = Sequence[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN",
        help="the folder of a run, or of the runs of several seeds; the first one is the baseline",
    )  # fmt: skip
    parser.add_argument("--protocol", metavar="NAME", help="the protocol (default: the first that all runs have)")
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="the data to compare on (default: %(default)s)"
    )
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "latex"),
        default="text",
        help="the format of the table (default: %(default)s)",
    )
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=13, help="of the bootstrap (default: %(default)s)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises ConfigError, DataError, ArchiveError, PluginError."""
    from relx.comparison.runs import compare, finished_runs

    _check(args)
    include_plugins(args)
    runs = {name: [_counts(run, args.split) for run in finished_runs(Path(name))] for name in args.runs}
    print(render(compare(runs, args.protocol, args.resamples, args.seed), args.split, args.format))
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.resamples < 1 or args.seed < 0:
        raise ConfigError("--resamples must be at least 1, and --seed not negative")
    folders = [Path(name).resolve() for name in args.runs]
    for place, folder in enumerate(folders):
        if folder in folders[:place]:
            raise ConfigError(f"{args.runs[place]}: a run is named twice")


def _counts(run: Path, split: str) -> "SentenceCounts":
    """Return the counts that the run saved, or count the predictions of its archive if it saved none."""
    import sys

    from relx.scoring.sentences import load_counts

    found = load_counts(run, split)
    if found is not None:
        return found
    print(f"{run}: holds no counts of the {split} set's sentences; predicting them from its archive", file=sys.stderr)
    return predicted_counts(run, split)


def predicted_counts(run: Path, split: str) -> "SentenceCounts":
    """Count what the best weights of a run predict on a split. Raises ArchiveError, and DataError for the data."""
    from relx.predictors.predictor import Predictor
    from relx.readers import sentences_of
    from relx.scoring.sentences import sentence_counts
    from relx.training.checkpointing.run_folder import ARCHIVE

    opened = Predictor.load(run / ARCHIVE).archive
    path, parts = opened.config.get(f"{split}_data_path"), opened.parts
    if path is None:
        raise DataError(f"{run}: its experiment has no {split}_data_path")
    gold = parts.annotated(list(sentences_of(parts.reader, path)))
    return sentence_counts(gold, opened.model.extract(gold, parts.loader), parts.protocols)


def render(comparison: "Comparison", split: str, form: str) -> str:
    """Return the table under a caption that explains the numbers; ``form`` is one of FORMS."""
    names = distinct_names(system.name for system in comparison.systems)
    rows = [HEADER, *map(_row, names, comparison.systems)]
    return FORMS[form](printable(_caption(comparison, split)), rows)


def _caption(comparison: "Comparison", split: str) -> str:
    first, *others = comparison.systems
    text = f"{comparison.protocol} on {split}: {comparison.sentences} sentences, scores in percent"
    if any(system.runs > 1 for system in comparison.systems):
        text += ", mean ± standard deviation over the runs"
    if others:
        text += (
            f"; differences of the mean F1 from {first.name}, with a paired bootstrap over sentences"
            f"{_of_runs(comparison.systems)} ({comparison.resamples} resamples)"
        )
    return text


def _of_runs(systems: "Sequence[System]") -> str:
    """Return the part of the caption on the runs: only the runs of a system with several are resampled."""
    several = [system.runs > 1 for system in systems]
    if all(several):
        return " and over the runs of each system"
    return " and over the runs of systems that have several" if any(several) else ", not over runs"


def _row(name: str, system: "System") -> Row:
    scores = (_scores(scores) for scores in (system.precision, system.recall, system.f1))
    return name, str(system.runs), *scores, f"{100 * system.f1.best:.1f}", *_difference(system.against)


def _scores(scores: "Scores") -> str:
    deviation = "" if scores.deviation is None else f" ± {100 * scores.deviation:.1f}"
    return f"{100 * scores.mean:.1f}{deviation}"


def _difference(found: "Difference | None") -> tuple[str, str, str]:
    if found is None:
        return NONE, NONE, NONE
    low, high = (f"{100 * bound:+.1f}" for bound in (found.low, found.high))
    return f"{100 * found.value:+.1f}", f"{low} to {high}", f"{found.p:.4f}"


def _text(caption: str, rows: Sequence[Row]) -> str:
    return "\n".join((caption, "", *aligned(rows)))


def _markdown(caption: str, rows: Sequence[Row]) -> str:
    header, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join((f"{caption}:", "", *(f"| {' | '.join(row)} |" for row in (header, rule, *body))))


def _latex(caption: str, rows: Sequence[Row]) -> str:
    header, *body = (" & ".join("--" if cell == NONE else _escaped(cell) for cell in row) + r" \\" for row in rows)
    columns = "l" + "r" * (len(HEADER) - 1)
    return "\n".join((
        r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{columns}}}", r"\hline", header, r"\hline",
        *body, r"\hline", r"\end{tabular}", rf"\caption{{{_escaped(caption)}.}}", r"\end{table}",
    ))  # fmt: skip


def _escaped(text: str) -> str:
    escaped = text.translate(LATEX)
    return re.sub(r"(?<![\w.])([-+]\d+(?:\.\d+)?)", r"$\1$", escaped)


FORMS: dict[str, Callable[[str, Sequence[Row]], str]] = {"text": _text, "markdown": _markdown, "latex": _latex}
