"""The errors of a model, suspected errors of the gold labels first, and as a table for a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from relx.data.example import Entity, Example, Relation
from relx.scoring.outcomes import CORRECT, Outcome
from relx.utils.text import printable

# A prediction with so high a score that disagrees with gold is worth a second look at gold.
SUSPICIOUS = 0.9

_PARTS = ("relation", "head", "head type", "tail", "tail type")
_TRIPLES = [f"{side} {part}" for side in ("gold", "predicted") for part in _PARTS]
COLUMNS = ("kind", "suspected", "score", "sentence", "id", *_TRIPLES, "text")
_FORMULA = ("=", "+", "-", "@")


def errors_of(found: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes that are errors: those with the highest score first, then those without a prediction."""
    return sorted((outcome for outcome in found if outcome.kind != CORRECT), key=lambda error: -_score(error))


def is_suspicious(error: Outcome) -> bool:
    """Return whether an error may be one of gold: the model disagrees with it with a score of at least SUSPICIOUS."""
    return _score(error) >= SUSPICIOUS


def write_errors(file: TextIO, errors: Iterable[Outcome], gold: Sequence[Example]) -> None:
    """Write errors as tab-separated values with the header ``COLUMNS``, one line for each.

    A cell that a spreadsheet would compute, since it begins with ``=``, ``+``, ``-`` or ``@``, begins with an
    apostrophe.
    """
    table = csv.writer(file, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    for error in errors:
        table.writerow([_cell(value) for value in _row(error, gold[error.sentence])])


def _row(error: Outcome, example: Example) -> list[str]:
    score = error.predicted.score if error.predicted is not None else None
    triples = [cell for relation in (error.gold, error.predicted) for cell in _triple(example, relation)]
    suspected, shown = "yes" if is_suspicious(error) else "", "" if score is None else f"{score:.4f}"
    text = example.text if example.text is not None else " ".join(example.tokens)
    return [error.kind, suspected, shown, str(error.sentence + 1), example.id or "", *triples, text]


def _triple(example: Example, relation: Relation | None) -> list[str]:
    if relation is None:
        return [""] * 5

    def mention(entity: Entity) -> tuple[str, str]:
        return example.mention_text(entity), entity.type or ""

    return [relation.type, *mention(relation.head), *mention(relation.tail)]


def _cell(value: str) -> str:
    value = printable(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _score(error: Outcome) -> float:
    return -1.0 if error.predicted is None or error.predicted.score is None else error.predicted.score
