"""Checks of the fields of one JSON record, each with a message that says what was expected."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from relx.errors import RelxError
from relx.registry import nearest
from relx.utils.text import json_text

T = TypeVar("T")

SHOWN = 6  # faults in one message

_WORDS = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "an object",
}  # fmt: skip


class BadRecord(RelxError, ValueError):
    """What is wrong with one record. Whoever knows its file and line puts them in front."""


def raise_any(faults: Sequence[str]) -> None:
    """Raise one BadRecord for all faults, the first ones in full, if there are any."""
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise BadRecord("\n".join([*faults[:SHOWN], *more]))


def checked(value: Any, kind: type[T], where: str) -> T:
    """Return the value after checking its kind; integers are accepted as numbers, true and false as ``bool`` alone."""
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise BadRecord(f"{where}: expected {_WORDS[kind]}, got {shown(value)}")
    try:
        return kind(value) if kind is float else value  # type: ignore[call-arg,return-value]
    except OverflowError:
        raise BadRecord(f"{where}: expected a number, got one of too many digits") from None


def required(record: dict[str, Any], key: str, kind: type[T], where: str = "") -> T:
    """Return the value under a required key."""
    if key not in record:
        raise BadRecord(f"{_join(where, key)}: missing; expected {_WORDS[kind]}")
    return checked(record[key], kind, _join(where, key))


def optional(record: dict[str, Any], key: str, kind: type[T], where: str = "") -> T | None:
    """Return the value under a key; None if it is absent or null."""
    value = record.get(key)
    return None if value is None else checked(value, kind, _join(where, key))


def items(record: dict[str, Any], key: str, kind: type[T], where: str = "") -> list[T]:
    """Return the items, each of one kind, of the list under a required key."""
    values = required(record, key, list, where)
    if all(type(value) is kind for value in values):  # naming the place of every token took most of the time
        return values
    place = _join(where, key)
    return [checked(value, kind, f"{place}[{i}]") for i, value in enumerate(values)]


def optional_items(record: dict[str, Any], key: str, kind: type[T], where: str = "") -> list[T] | None:
    """Return the items of the list under a key; None if it is absent or null."""
    return None if record.get(key) is None else items(record, key, kind, where)


def one_each(values: list[T] | None, where: str, length: int) -> list[T] | None:
    """Return the values after checking that there is one for each token; return None for None."""
    if values is not None and len(values) != length:
        raise BadRecord(f"{where}: expected one for each of the {length} tokens, got {len(values)}")
    return values


def check_span(start: int, end: int, length: int, unit: str, where: str) -> None:
    """Raise BadRecord for a span, end exclusive, that does not lie in a sentence of that many units."""
    if not 0 <= start < end <= length:
        raise BadRecord(f"{where}: expected 0 <= start < end <= {length} ({unit}), got {start}, {end}")


def only_keys(record: dict[str, Any], known: Collection[str], where: str = "") -> None:
    """Raise BadRecord for a key that has no meaning, naming the nearest one that has."""
    for key in record:
        if key not in known:
            raise BadRecord(f"{_join(where, key)}: unknown key{nearest(key, known)}")


def shown(value: Any) -> str:
    """Return a value in the form that messages show."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    try:
        text = json_text(value)
    except TypeError:  # a value that no JSON holds
        return f"a value of the type {type(value).__name__}"
    return text if len(text) <= 60 else text[:56] + '..."'


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
