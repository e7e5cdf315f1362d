"""Replace single values of an evaluated experiment: ``-o dotted.key=value``, in Python ``overrides=``."""

import copy
from collections.abc import Iterable
from typing import Any

from relx.config import renamed
from relx.config.jsonnet import parse_value
from relx.errors import ConfigError
from relx.registry import nearest


def override(tree: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return a copy of the tree with each ``dotted.key=value`` applied; a number names an item of a list.

    The last key of an object may be absent from the file (the later check knows the valid names). The keys before it
    must exist. Raises ConfigError otherwise.
    """
    tree = copy.deepcopy(tree)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise ConfigError(f"override {assignment}: expected dotted.key=value")
        *parents, last = path.split(".")
        node: Any = tree
        for depth, key in enumerate(parents):
            node = node[_existing(node, key, assignment, parents[:depth])]
        if isinstance(node, dict):
            node[last] = parse_value(value)
        else:
            node[_existing(node, last, assignment, parents)] = parse_value(value)
    return tree


def _existing(node: Any, key: str, assignment: str, above: list[str]) -> str | int:
    if isinstance(node, list) and key in map(str, range(len(node))):
        return int(key)
    if isinstance(node, dict) and key in node:
        return key
    place = ".".join(above) or "the experiment"
    if isinstance(node, dict):
        if new := renamed.new_name(key, renamed.KEYS, node):
            raise ConfigError(f"override {assignment}: the key {key!r} is now called {new!r}")
        raise ConfigError(f"override {assignment}: the file gives {place} no key {key!r}{nearest(key, node)}")
    if isinstance(node, list):
        raise ConfigError(f"override {assignment}: {place} is a list of {len(node)}; {key!r} is not an index of it")
    raise ConfigError(f"override {assignment}: {place} is a plain value and has no key {key!r}")
