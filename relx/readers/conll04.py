"""CoNLL04 (Roth and Yih 2004) as Bekoulis et al. (2018) write it: a token a line, tags and relations in columns."""

import ast
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from relx.data.example import Entity, Example, Relation
from relx.data.json_validation import shown
from relx.errors import DataError, Faults
from relx.readers.held import held
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.readers.spert import SpertReader
from relx.utils.files import atomic_write, require_file, text_lines

logger = logging.getLogger(__name__)

SHOWN = 5
MARK = "#doc"
NONE = "N"
COLUMNS = "number, token, BIO tag, list of relations, list of the tokens that they lead to, separated by tabs"


@DatasetReader.register("conll04")
class Conll04Reader(DatasetReader):
    """Read CoNLL04: a token a line with a BIO tag and its relations (Bekoulis et al. 2018), or SpERT's JSON."""

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """Return whether the first line marks a sentence or has the columns; SpERT's JSON is left to ``spert``."""
        try:
            first = _first_line(path)
        except DataError:
            return False
        return first.startswith(MARK) or (len(_cells(first)) == 5 and _cells(first)[0].isdigit())

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of a file, in order.

        Raises DataError, after the last sentence, for the first bad line of each bad sentence, each with its
        ``file:line``, and for a file without a sentence.
        """
        require_file(path, "write it to a file")
        if _first_line(path)[:1] in ("[", "{"):
            yield from SpertReader().read(path)
            return
        yield from at_least_one(_examples(path), path)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a line for each token.

        Raises DataError for overlapping mentions and anything else that the columns cannot hold, and RelxError.
        """
        with atomic_write(path) as file:
            for number, example in enumerate(held(examples, path), 1):
                _check_holdable(example, f"{path}: sentence {number}")
                file.write(f"{MARK} {example.id if example.id is not None else number}\n")
                file.writelines(_lines(example))


class _Row(NamedTuple):
    """What a line says of its token; ``where`` is the file and the line."""

    where: str
    token: str
    tag: str
    relations: list[str]
    targets: list[int]


def _first_line(path: str | Path) -> str:
    return next((line.strip() for _, line in text_lines(path) if line.strip()), "")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t") if cell.strip()]


def _examples(path: str | Path) -> Iterator[Example]:
    """Every sentence without a bad line. Raises DataError at the end for the first bad line of each other one."""
    faults, inside = Faults(), []
    for name, lines in _sentences(path, faults):
        with faults.gathered():
            rows = [_row(line, f"{path}:{line_number}", i) for i, (line_number, line) in enumerate(lines)]
            pairs = zip([None, *rows], rows, strict=False)
            inside += [row.where.rpartition(":")[2] for before, row in pairs if _begins_inside(before, row)]
            yield _example(name, rows)
    faults.raise_any()
    if inside:
        places = ", ".join(inside[:SHOWN]) + ", ..." * (len(inside) > SHOWN)
        logger.warning(
            "%s: %d mentions begin with a tag I-, which relx reads as B- (lines %s)", path, len(inside), places
        )


def _sentences(path: str | Path, faults: Faults) -> Iterator[tuple[str | None, list[tuple[int, str]]]]:
    """Yield the name and the numbered lines of each sentence; a sentence begins at a mark or after an empty line."""
    name: str | None = None
    lines: list[tuple[int, str]] = []
    for number, line in text_lines(path, faults.add):
        marked = line.startswith(MARK)
        if lines and (marked or not line.strip()):
            yield name, lines
            name, lines = None, []
        if marked:
            name = line.removeprefix(MARK).strip() or None
        elif line.strip():
            lines.append((number, line))
    if lines:
        yield name, lines


def _row(line: str, where: str, number: int) -> _Row:
    cells = _cells(line)
    if len(cells) != 5:
        raise DataError(f"{where}: expected {COLUMNS}; got {len(cells)} columns")
    if cells[0] != str(number):
        raise DataError(f"{where}: expected the token's number in its sentence, {number}, got {shown(cells[0])}")
    relations, targets = _list(cells[3], str, where), _list(cells[4], int, where)
    if len(relations) != len(targets):
        raise DataError(f"{where}: expected a token for each of the {len(relations)} relations, got {len(targets)}")
    return _Row(where, cells[1], cells[2], relations, targets)


def _list(cell: str, kind: type, where: str) -> list[Any]:
    """Parse a list in the notation of Python or JSON."""
    try:
        values = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = None
    if not isinstance(values, list) or any(type(value) is not kind for value in values):
        raise DataError(f"{where}: expected a list such as {['Live_In'] if kind is str else [0]}, got {shown(cell)}")
    return values


def _example(id: str | None, rows: Sequence[_Row]) -> Example:
    entities = list(_mentions(rows))
    at = {token: entity for entity in entities for token in range(*entity.span)}
    relations = [
        Relation(_mention(at, i, row), type, _mention(at, target, row))
        for i, row in enumerate(rows)
        for type, target in zip(row.relations, row.targets, strict=True)
        if type != NONE
    ]
    return Example([row.token for row in rows], entities, relations, id=id)


def _mentions(rows: Sequence[_Row]) -> Iterator[Entity]:
    """Yield the spans that the tags mark; an inside tag after another type also begins a span."""
    start, type = 0, None
    for i, tag in enumerate([*map(_tag, rows), ("O", None)]):
        begins = tag[0] == "B" or tag[1] != type
        if begins and type is not None:
            yield Entity(start, i, type)
        if begins:
            start, type = i, tag[1]


def _tag(row: _Row) -> tuple[str, str | None]:
    mark, _, type = row.tag.partition("-")
    if row.tag != "O" and (mark not in ("B", "I") or not type):
        raise DataError(f"{row.where}: expected a tag O, B-type or I-type, got {shown(row.tag)}")
    return mark, type or None


def _begins_inside(before: _Row | None, row: _Row) -> bool:
    """Whether a mention begins with an inside tag: after another type, after none, or in a sentence's first row."""
    mark, type = _tag(row)
    return mark == "I" and (before is None or _tag(before)[1] != type)


def _mention(at: dict[int, Entity], token: int, row: _Row) -> Entity:
    if token not in at:
        raise DataError(f"{row.where}: a relation needs a mention at both ends, and token {token} is in none")
    return at[token]


def _check_holdable(example: Example, where: str) -> None:
    if not example.tokens:
        raise DataError(f"{where}: has no token; the form cannot hold it")
    if any(relation.type == NONE for relation in example.relations):
        raise DataError(f"{where}: a relation has the type {NONE!r}, which means no relation in this form")
    _check_apart(example, where)
    _check_cells("id", [example.id], where)
    _check_cells("token", example.tokens, where)
    _check_cells("type", (entity.type for entity in example.entities), where)


def _check_apart(example: Example, where: str) -> None:
    spans = sorted(entity.span for entity in example.entities)
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            words = " and ".join(repr(" ".join(example.tokens[slice(*span)])) for span in (before, after))
            raise DataError(f"{where}: the mentions {words} share tokens; BIO tags cannot hold both")


def _check_cells(name: str, cells: Iterable[str | None], where: str) -> None:
    for cell in cells:
        if cell is not None and (not cell or cell != cell.strip() or set(cell) & set("\t\n")):
            raise DataError(
                f"{where}: the {name} {cell!r} is empty, holds a tab or a line end, or begins or ends with a blank; "
                "the form cannot hold it"
            )


def _lines(example: Example) -> Iterator[str]:
    tags = ["O"] * len(example)
    for entity in example.entities:
        start, end = entity.span
        tags[start:end] = [f"B-{entity.type}"] + [f"I-{entity.type}"] * (end - start - 1)
    last = {entity: entity.span[1] - 1 for entity in example.entities}
    for i, (token, tag) in enumerate(zip(example.tokens, tags, strict=True)):
        here = [(r.type, last[r.tail]) for r in example.relations if last[r.head] == i] or [(NONE, i)]
        yield f"{i}\t{token}\t{tag}\t{[type for type, _ in here]}\t{[target for _, target in here]}\n"
