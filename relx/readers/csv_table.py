"""Triples as a table for spreadsheets: written only."""

import csv
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from relx.data.example import Entity, Example
from relx.errors import DataError
from relx.readers.documents import document_of
from relx.readers.reader import DatasetReader
from relx.utils.files import atomic_write

logger = logging.getLogger(__name__)

MENTION = ("text", "type", "start", "end", "score")
COLUMNS = (
    "document", "sentence", "text", *(f"head_{field}" for field in MENTION), "relation", "score",
    *(f"tail_{field}" for field in MENTION),
)  # fmt: skip
# A spreadsheet takes a cell that begins with one of these for a formula, and carries it out.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK = "\ufeff"


@DatasetReader.register("csv")
class CsvWriter(DatasetReader):
    """Write a table for spreadsheets: a row for each triple, each mention without one, and each sentence without any.

    Places count characters of the sentence, or tokens where characters are not known. An apostrophe is put before a
    text that a spreadsheet would take for a formula; the log counts these. This form is only written.
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Raise DataError: a table does not hold whole sentences."""
        raise DataError(
            f"{path}: relx writes tables (csv) but does not read them; convert to a form that it reads with --to jsonl"
        )

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write the table, as spreadsheets read it: UTF-8 with a byte order mark. Raises RelxError."""
        guarded = 0
        with atomic_write(path) as file:
            file.write(_BYTE_ORDER_MARK)
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for number, example in enumerate(examples, 1):
                for row in _rows(example, number):
                    guarded += sum(cell.startswith(_FORMULA) for cell in row)
                    table.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
        if guarded:
            logger.warning("%s: relx put an apostrophe before %d texts that look like formulas", path, guarded)


def _rows(example: Example, number: int) -> Iterator[list[str]]:
    text = example.text if example.text is not None else " ".join(example.tokens)
    sentence = [document_of(example) or "", example.id or str(number), text]
    arguments = {mention for relation in example.relations for mention in (relation.head, relation.tail)}
    none = [""] * len(MENTION)
    for relation in example.relations:
        head, tail = _mention(example, relation.head), _mention(example, relation.tail)
        yield [*sentence, *head, relation.type, _number(relation.score), *tail]
    alone = [entity for entity in example.entities if entity not in arguments]
    yield from ([*sentence, *_mention(example, entity), "", "", *none] for entity in alone)
    if not example.entities and not example.relations:
        yield [*sentence, *none, "", "", *none]


def _mention(example: Example, entity: Entity) -> list[str]:
    start, end = example.characters(entity) or (entity.start, entity.end)
    words = example.text[start:end] if example.text is not None and example.characters(entity) else None
    return [words or example.mention_text(entity), entity.type or "", *map(_number, (start, end, entity.score))]


def _number(value: float | None) -> str:
    return "" if value is None else str(value)
