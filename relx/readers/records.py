"""The JSON records of a file, each with the line on which it begins."""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from relx.data.json_validation import BadRecord
from relx.errors import DataError
from relx.utils.files import text_lines
from relx.utils.text import unique_keys

EXPECTED = "expected one JSON object on each line, or one JSON list of objects"

_SPACE = re.compile(r"[ \t\r\n]*")


class Record(NamedTuple):
    """A JSON value and the number of the line on which it begins."""

    line: int
    value: Any


def records(path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[Record]:
    """Every record of a file that holds one JSON object on each line (read one by one) or one JSON list.

    Raises DataError, with ``file:line``, for a file that cannot be read, is empty, or holds anything but JSON; with
    ``on_fault`` that takes the error of a line, which is left out.
    """
    found, before = False, ""
    lines = text_lines(path, on_fault)
    for number, line in lines:
        if not found and line.lstrip().startswith("["):
            yield from _elements("".join([before, line, *(line for _, line in lines)]), path)
            return
        if not line.strip():
            before += "" if found else line
        else:
            found = True
            try:
                record = _line_record(number, line, path)
            except DataError as error:
                if on_fault is None:
                    raise
                on_fault(error)
            else:
                yield record
    if not found:
        raise DataError(f"{path}:1: holds no record; {EXPECTED}")


def parse_record(line: str) -> Any:
    """Return the value of one line of JSON. Raises BadRecord for anything else."""
    return parse_json(line.rstrip(" \t\r\n"), "; a record must be on one line")


def parse_json(text: str, hint_if_cut: str = "") -> Any:
    """Return the value of a JSON text. Raises BadRecord for anything else, with the hint where the text is cut."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        cut = isinstance(error, json.JSONDecodeError) and error.pos == len(text)
        line = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) and error.lineno > 1 else ""
        raise BadRecord(line + _explain(error) + (hint_if_cut if cut else "")) from None


def _line_record(number: int, line: str, path: str | Path) -> Record:
    try:
        return Record(number, parse_record(line))
    except BadRecord as error:
        raise DataError(f"{path}:{number}: {error}; {EXPECTED}") from None


def _elements(text: str, path: str | Path) -> Iterator[Record]:
    """Yield the elements of a list; decode them one by one to find the line of each."""
    place, line = _after_space(text, text.index("[") + 1), 1
    line += text.count("\n", 0, place)
    if text[place : place + 1] == "]":
        raise DataError(f"{path}:{line}: the list is empty; {EXPECTED}")
    separator = ","
    while separator == ",":
        start = _after_space(text, place)
        line += text.count("\n", place, start)
        value, end = _element(text, start, line, path)
        yield Record(line, value)
        mark = _after_space(text, end)
        line += text.count("\n", start, mark)
        separator, place = text[mark : mark + 1], mark + 1
    if separator != "]" or text[place:].strip():
        line = 1 + text.count("\n", 0, _after_space(text, place))
        raise DataError(f"{path}:{line}: not JSON: expected a comma, or the end of list and file; {EXPECTED}")


def _element(text: str, start: int, line: int, path: str | Path) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{getattr(error, 'lineno', line)}: {_explain(error)}; {EXPECTED}") from None


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _explain(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON at column {error.colno}: {error.msg}"
    if isinstance(error, RecursionError):
        return "not usable as JSON: nested too deeply"
    return f"not usable as JSON: {error if isinstance(error, BadRecord) else 'a number has too many digits'}"


def _reject_constant(name: str) -> None:
    raise BadRecord(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        raise BadRecord(f"{text} is too large a number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    try:
        return unique_keys(pairs)
    except ValueError as error:
        raise BadRecord(str(error)) from None


_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite, object_pairs_hook=_object)
