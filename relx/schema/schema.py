"""A schema, its JSON form, and the rules that it makes for relations."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relx.errors import DataError
from relx.registry import nearest
from relx.utils.files import text_lines
from relx.utils.text import LONGEST_NAME, json_text, printable, unique_keys

KEYS = ("types", "symmetric", "functional", "self", "seen")
FORM = 'expected an object {"relations": {NAME: {...}, ...}}; relx schema proposes one'


@dataclass(frozen=True)
class RelationRules:
    """What one relation may look like; None does not restrict it.

    ``types`` are the allowed pairs of (type of the head, type of the tail). With ``symmetric=False`` two entities have
    the relation in one direction only. With ``functional=True`` an entity is the head of one tail at most. With
    ``self=False`` no entity has the relation to itself. ``seen`` are the counts of the data that show it.
    """

    types: frozenset[tuple[str, str]] | None = None
    symmetric: bool | None = None
    functional: bool | None = None
    self: bool | None = None
    seen: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the rules as JSON has them, without those that do not restrict."""
        rules = {name: getattr(self, name) for name in KEYS[1:] if getattr(self, name) not in (None, {})}
        types = {} if self.types is None else {"types": sorted(map(list, self.types))}
        return types | {name: dict(rule) if isinstance(rule, Mapping) else rule for name, rule in rules.items()}


@dataclass(frozen=True)
class Schema:
    """The rules of each relation, by its type. A relation type that is absent is not restricted."""

    relations: Mapping[str, RelationRules]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which ``read`` reads."""
        return {"relations": {name: rules.to_json() for name, rules in self.relations.items()}}

    @classmethod
    def read(cls, path: str | Path) -> "Schema":
        """Read a JSON file. Raises DataError with all its faults, each with its place in the file."""
        text = "".join(line for _, line in text_lines(path))
        if not text.strip():
            raise DataError(f"{path}: the file is empty; {FORM}")
        try:
            value = json.loads(text, object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: no JSON: {error}; {FORM}") from None
        faults: list[str] = []
        relations = _relations(value, faults)
        if faults:
            raise DataError(*(f"{path}: {fault}" for fault in faults))
        return cls(relations)

    def unknown_names(self, relations: Iterable[str], types: Iterable[str]) -> list[str]:
        """Return a message for each name that is not among these relations and types of entities.

        Without any known type, types are not checked.
        """
        relations, types, faults = list(relations), list(types), []
        for name, rules in self.relations.items():
            if name not in relations:
                faults.append(printable(f"relations.{name}: unknown relation{nearest(name, relations)}"))
            used = sorted({type for pair in rules.types or () for type in pair}.difference(types) if types else ())
            faults += [
                printable(f"relations.{name}.types: unknown type of entities {type!r}{nearest(type, types)}")
                for type in used
            ]
        return faults


def _relations(value: Any, faults: list[str]) -> dict[str, RelationRules]:
    if not isinstance(value, dict) or not isinstance(value.get("relations"), dict):
        faults.append(FORM)
        return {}
    unknown = (printable(key, LONGEST_NAME) for key in value if key != "relations")
    faults += [f"{key}: unknown key; expected relations" for key in unknown]
    return {name: _rules(rules, f"relations.{printable(name)}", faults) for name, rules in value["relations"].items()}


def _rules(value: Any, where: str, faults: list[str]) -> RelationRules:
    if not isinstance(value, dict):
        faults.append(f"{where}: expected an object with rules such as types, got {_shown(value)}")
        return RelationRules()
    for key in value.keys() - {*KEYS}:
        faults.append(f"{where}.{printable(key, LONGEST_NAME)}: unknown rule{nearest(key, KEYS)}")
    switches: dict[str, Any] = {}
    for key in ("symmetric", "functional", "self"):
        switches[key] = value.get(key)
        if not isinstance(switches[key], bool | None):
            faults.append(f"{where}.{key}: expected true or false, got {_shown(switches[key])}")
    return RelationRules(_types(value.get("types"), f"{where}.types", faults), **switches)


def _types(value: Any, where: str, faults: list[str]) -> frozenset[tuple[str, str]] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        faults.append(f"{where}: expected a list of pairs [head type, tail type], got {_shown(value)}")
        return None
    pairs = set()
    for i, pair in enumerate(value):
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(type, str) for type in pair):
            pairs.add((pair[0], pair[1]))
        else:
            faults.append(f"{where}[{i}]: expected a pair [head type, tail type], got {_shown(pair)}")
    return frozenset(pairs)


def _shown(value: Any) -> str:
    return printable(json_text(value), LONGEST_NAME)
