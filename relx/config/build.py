"""Builds the objects that a checked experiment describes, and writes an experiment out in full."""

from collections.abc import Callable
from typing import Any

from relx.config.check import choose, component_of, require_valid, unregistered
from relx.config.jsonnet import parse_value
from relx.errors import ConfigError
from relx.registry import Component, Kind, Lazy, Part, Reference, describe, lookup
from relx.registry.signature import Choice, Either, ListOf, MapOf, Scalar, Schema


def build(tree: dict[str, Any], root: Reference, **injected: Any) -> Any:
    """Build the object that a checked tree describes; ``root`` names its class.

    Parts annotated ``Lazy`` are passed on unbuilt. Raises ConfigError, with a dotted path, for a value that a
    constructor rejects.
    """
    return _lazy(tree, describe(root), "").build(**injected)


def fill(tree: dict[str, Any], root: Reference) -> dict[str, Any]:
    """Return a checked tree with every default written out."""
    return _filled(tree, describe(root))


def used(tree: dict[str, Any], root: Reference) -> list[Component]:
    """Return every component that a checked tree names, itself included, each before its parts."""
    return _used(tree, describe(root))


def _lazy(value: dict[str, Any], component: Component, path: str) -> Lazy[Any]:
    def part(nested: dict[str, Any], schema: Part, place: str) -> Any:
        lazy = _lazy(nested, _component(nested, schema), place)
        return lazy if schema.lazy else lazy.build()

    return Lazy(component.load(), path or "experiment", **_arguments(value, component, path, part))


def _filled(value: dict[str, Any], component: Component) -> dict[str, Any]:
    def part(nested: dict[str, Any], schema: Part, place: str) -> dict[str, Any]:
        return _filled(nested, _component(nested, schema))

    name = {"type": component.name} if component.name is not None else {}
    defaults = {p.name: p.default for p in component.parameters if not p.injected}
    return {**name, **defaults, **_arguments(value, component, "", part)}


def _used(value: dict[str, Any], component: Component) -> list[Component]:
    found = [component]

    def part(nested: dict[str, Any], schema: Part, place: str) -> None:
        found.extend(_used(nested, _component(nested, schema)))

    _arguments(value, component, "", part)
    return found


PartVisitor = Callable[[dict[str, Any], Part, str], Any]


def _arguments(value: dict[str, Any], component: Component, path: str, part: PartVisitor) -> dict[str, Any]:
    """Return the arguments that an object in a file gives its component; call ``part`` for each component in them."""
    prefix = f"{path}." if path else ""
    given = [p for p in component.parameters if p.name in value]
    return {p.name: _argument(value[p.name], p.schema, prefix + p.name, part) for p in given}


def _argument(value: Any, schema: Schema, path: str, part: PartVisitor) -> Any:
    match schema:
        case Scalar("int"):
            return int(value)
        case Scalar("float"):
            return float(value)
        case Choice(values):
            return values[values.index(value)]
        case ListOf(item):
            return [_argument(element, item, f"{path}.{index}", part) for index, element in enumerate(value)]
        case MapOf(item):
            return {key: _argument(element, item, f"{path}.{key}", part) for key, element in value.items()}
        case Either():
            return _argument(value, choose(value, schema), path, part)
        case Part():
            return part(value, schema, path)
    return value


def _component(value: dict[str, Any], part: Part) -> Component:
    component = component_of(value, part)
    assert component is not None, "the tree was checked"
    return component


def build_part(kind: Kind, description: str | dict[str, Any], **injected: Any) -> Any:
    """Build the component of a name, or of an object with ``type`` as in an experiment file (also as JSON text).

    Raises ConfigError for an unknown name and for arguments that do not fit.
    """
    value = parse_value(description) if isinstance(description, str) else description
    arguments = dict(value) if isinstance(value, dict) else {"type": value}
    name = arguments.pop("type", None)
    component = lookup(kind, name) if isinstance(name, str) else None
    if component is None:
        known = unregistered(name, kind) if isinstance(name, str) else f"{name!r} is not a registered {kind.name}"
        raise ConfigError(known)
    require_valid(arguments, component.reference, f"{kind.name} {name!r}")
    return build(arguments, component.reference, **injected)
