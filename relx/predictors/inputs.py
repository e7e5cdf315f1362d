"""What a Python program gives to a predictor, made Examples."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any

from relx.data.example import Example
from relx.data.fields import BadRecord, shown
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.tokenizers.tokenizer import Tokenizer

Input = str | Sequence[str] | Mapping[str, Any] | Example

SEVERAL = "expected a list of inputs"
EXPECTED = "expected a text, a list of tokens, a record (dict) or an Example"
PAIRS = "text: holds surrogate pairs, so offsets and characters count them twice; join each pair to one character first"


def several(inputs: Any) -> Iterator[Any]:
    """Return an iterator over inputs. Raises BadRecord for a single input, a table and whatever cannot be iterated."""
    if hasattr(inputs, "columns"):
        raise BadRecord(f"{SEVERAL}, got a table; give a column of texts, or a list of its rows as dicts")
    if isinstance(inputs, str | bytes | Mapping | Example) or hasattr(inputs, "_asdict"):
        name = "text" if isinstance(inputs, str) else type(inputs).__name__
        raise BadRecord(f"{SEVERAL}, got one {name}; write predictor([{name}])")
    try:
        return iter(inputs)
    except TypeError:
        raise BadRecord(f"{SEVERAL}, got {shown(inputs)}") from None


def read_inputs(inputs: Iterable[Any], tokenizer: Tokenizer) -> list[Example | BadRecord]:
    """Return each input as an Example, raw texts split by the tokenizer, or what is wrong with it."""
    records = tokenized([_record(value) for value in inputs], tokenizer)
    return [record if isinstance(record, BadRecord) else _example(record) for record in records]


def _example(record: dict[str, Any]) -> Example | BadRecord:
    try:
        return example_from_json(record)
    except BadRecord as error:
        return error


def _record(value: Any) -> dict[str, Any] | BadRecord:
    """Return the record that a file would hold for an input: numpy's values as Python's, ``meta`` as it is."""
    try:
        given = _described(value)
        record = {key: _plain(key, item) for key, item in given.items() if key != "meta"}
        if _counts_characters(record) and len(record["text"]) != len(given["text"]):
            raise BadRecord(PAIRS)
    except BadRecord as error:
        return error
    return record | ({"meta": given["meta"]} if "meta" in given else {})


def _described(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Example):
        try:
            return example_to_json(value.unlabelled())
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise BadRecord(f"an Example with fields of wrong types: {error}") from None
    row = _row(value)
    if row is not None:
        return row
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:
        return {"tokens": value}
    hint = "; decode it first" if isinstance(value, bytes) else ""
    raise BadRecord(f"{EXPECTED}, got {shown(value)}{hint}")


def _row(value: Any) -> Mapping[Any, Any] | None:
    """Return a dict, or the row of a table (of pandas, or a named tuple), by the names of its columns."""
    as_dict = getattr(value, "to_dict", None) or getattr(value, "_asdict", None)
    return value if isinstance(value, Mapping) else as_dict() if callable(as_dict) else None


def _plain(key: Any, value: Any) -> Any:
    """Return a value of a record as JSON gives it back, which joins surrogate pairs. Raises BadRecord."""
    if not isinstance(key, str):
        raise BadRecord(f"{shown(key)}: a key of a record is a string")
    try:
        return json.loads(json.dumps(value, default=_as_python, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(f"{key}: {error}") from None


def _as_python(value: Any) -> Any:
    if hasattr(value, "tolist"):  # arrays and numbers of numpy, tensors, columns of tables
        return value.tolist()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON can hold a value of the type {type(value).__name__}")


def _counts_characters(record: dict[str, Any]) -> bool:
    entities = record.get("entities")
    mentions = [item for item in entities if isinstance(item, dict)] if isinstance(entities, list) else []
    places = record.get("offsets") or any(mention.get("characters") for mention in mentions)
    return isinstance(record.get("text"), str) and bool(places)
