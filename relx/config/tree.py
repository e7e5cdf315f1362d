"""Check the tree of an experiment against the signatures of its components, build it, or write it out in full."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from relx.config import renamed
from relx.config.jsonnet import parse_value
from relx.errors import ConfigError
from relx.registry import (
    Component,
    Kind,
    Lazy,
    Parameter,
    Part,
    Reference,
    components,
    describe,
    kind_of,
    lookup,
    nearest,
    type_name,
    with_article,
)
from relx.registry.signature import Choice, Either, ListOf, MapOf, Nothing, Scalar, Schema

INCLUDE = "--include (in Python include=)"
_PYTHON_TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool}
_WORDS = {"int": "a whole number", "float": "a number", "str": "a string", "bool": "true or false"}


@dataclass(frozen=True)
class Problem:
    """One fault of an experiment file."""

    path: str
    message: str
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def check(tree: dict[str, Any], root: Reference) -> list[Problem]:
    """Return every problem of an experiment whose top level is the class that ``root`` names, in the file's order."""
    return list(_component_problems(tree, describe(root), "", set()))


def require_valid(tree: dict[str, Any], root: Reference, source: str, origins: bool = False) -> None:
    """Raise one ConfigError that lists every problem, if there is any; ``origins`` adds the place of each rule."""
    problems = check(tree, root)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [f"{problem} [{problem.origin}]" if origins else str(problem) for problem in problems]
        raise ConfigError("\n  ".join([f"{source}: {count}", *lines]))


def component_of(value: dict[str, Any], part: Part) -> Component | None:
    """Return the component that an object in a file names or its place implies, or None if there is no such name."""
    kind = kind_of(part.reference)
    if kind is None:
        return describe(part.reference)
    name = value.get("type")
    return lookup(kind, name) if isinstance(name, str) else None


def choose(value: Any, schema: Either) -> Schema:
    """Return the option of a union that a value fits, or else the one that the user most likely meant."""
    if value is None and Nothing() in schema.options:
        return Nothing()
    options = _without_null(schema)
    candidates = [option for option in options if _shape(option) is _shape_of(value)] or options
    if len(candidates) == 1:  # not looked into: that would double the work at each level of a tree
        return candidates[0]
    return next((option for option in candidates if _accepts(value, option)), candidates[0])


def _accepts(value: Any, schema: Schema) -> bool:
    return next(_problems(value, schema, "", ""), None) is None


def _problems(value: Any, schema: Schema, path: str, origin: str) -> Iterator[Problem]:
    match schema:
        case Scalar(name):
            if not _is_scalar(value, name):
                yield Problem(path, f"expected {_WORDS[name]}, got {_show(value)}{_scalar_hint(value, name)}", origin)
        case Nothing():
            if value is not None:
                yield Problem(path, f"expected null, got {_show(value)}", origin)
        case Choice(values):
            if not any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in values):
                yield Problem(path, f"{_show(value)} is not a choice{nearest(str(value), map(str, values))}", origin)
        case ListOf(item):
            yield from _list_problems(value, item, path, origin)
        case MapOf(item):
            yield from _map_problems(value, item, path, origin)
        case Either():
            yield from _either_problems(value, schema, path, origin)
        case Part():
            yield from _part_problems(value, schema, path, origin)


def _is_scalar(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "bool"
    if name == "int" and isinstance(value, float):
        return value.is_integer()
    if name == "str" and isinstance(value, str):
        return _is_text(value)
    return isinstance(value, _PYTHON_TYPES[name])  # type: ignore[arg-type]


def _is_text(value: str) -> bool:
    # JSON can name half of a surrogate pair, and no file can hold it; no path can hold a NUL.
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)


def _why_no_text(value: str) -> str:
    return "a NUL character has no place in it" if "\0" in value else "an unpaired surrogate is no character"


def _scalar_hint(value: Any, name: str) -> str:
    if isinstance(value, str) and not _is_text(value):
        return f" ({_why_no_text(value)})"
    readable = isinstance(value, str) and _is_scalar(parse_value(value), name)
    return f" (write {value} without quotes)" if readable else ""


def _list_problems(value: Any, item: Schema, path: str, origin: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, f"expected a list, got {_show(value)}", origin)
        return
    for index, element in enumerate(value):
        yield from _problems(element, item, _join(path, index), origin)


def _map_problems(value: Any, item: Schema, path: str, origin: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"expected an object, got {_show(value)}", origin)
        return
    for key, element in value.items():
        if not _is_text(key):
            yield Problem(path, f"the key {_show(key)} is no text ({_why_no_text(key)})", origin)
        yield from _problems(element, item, _join(path, key), origin)


def _either_problems(value: Any, schema: Either, path: str, origin: str) -> Iterator[Problem]:
    chosen = choose(value, schema)
    problems = list(_problems(value, chosen, path, origin))
    telling = len(_without_null(schema)) == 1 or (_shape(chosen) or str) is _shape_of(value)
    if problems and not telling:
        yield Problem(path, f"expected {type_name(schema)}, got {_show(value)}", origin)
    else:
        yield from problems


def _without_null(schema: Either) -> list[Schema]:
    return [option for option in schema.options if option != Nothing()]


def _shape(schema: Schema) -> type | None:
    return dict if isinstance(schema, Part | MapOf) else list if isinstance(schema, ListOf) else None


def _shape_of(value: Any) -> type | None:
    return type(value) if isinstance(value, dict | list) else None


def _part_problems(value: Any, part: Part, path: str, origin: str) -> Iterator[Problem]:
    kind = kind_of(part.reference)
    what = f"{with_article(kind.name)} (an object with 'type')" if kind else "an object"
    if not isinstance(value, dict):
        yield Problem(path, f"expected {what}, got {_show(value)}", origin)
        return
    if kind is not None and not isinstance(value.get("type"), str):
        yield _type_problem(value, kind, path, origin)
        return
    component = component_of(value, part)
    if component is None:
        assert kind is not None
        yield _unknown_name(value["type"], kind, path, origin)
        return
    yield from _component_problems(value, component, path, {"type"} if kind is not None else set())


def _type_problem(value: dict[str, Any], kind: Kind, path: str, origin: str) -> Problem:
    what, known = with_article(kind.name), ", ".join(components(kind))
    if "type" in value:
        return Problem(_join(path, "type"), f"expected the name of {what}, got {_show(value['type'])}", origin)
    return Problem(path, f"{what} needs the key 'type' (one of: {known})", origin)


def _unknown_name(name: str, kind: Kind, path: str, origin: str) -> Problem:
    return Problem(_join(path, "type"), unregistered(name, kind), origin)


def unregistered(name: str, kind: Kind) -> str:
    """Say that a kind has no such component, and what to do."""
    if new := renamed.new_component(name, kind.name, components(kind)):
        return f"{name!r} is now called {new!r}"
    message = f"{name!r} is not a registered {kind.name}"
    if "." in name:
        message += f"; only registered names are taken, never a dotted path: register the class and use {INCLUDE}"
        return message + nearest(name, components(kind))
    return f"{message}{nearest(name, components(kind))}; a plugin that registers it is imported by {INCLUDE}"


def _component_problems(value: dict[str, Any], component: Component, path: str, taken: set[str]) -> Iterator[Problem]:
    origin = f"{component.reference.name} at {component.place}"
    known = {p.name: p for p in component.parameters}
    for key, element in value.items():
        if key in taken:
            continue
        if key not in known:
            moved = renamed.MOVED.get((component.kind.name, key)) if component.kind else None
            yield from _unknown_key(key, element, known, path, origin, moved)
        elif known[key].injected:
            yield Problem(_join(path, key), "is supplied by the program at run time; remove it from the file", origin)
        else:
            yield from _problems(element, known[key].schema, _join(path, key), origin)
    yield from _missing(value, known, path, origin)


def _unknown_key(
    key: str, value: Any, known: dict[str, Parameter], path: str, origin: str, moved: str | None
) -> Iterator[Problem]:
    """Report an unknown key.

    For a key of an earlier version, report its new name and check its value as that of the new key, or say what
    replaces it.
    """
    new = renamed.new_name(key, renamed.KEYS, known)
    if moved is not None:
        yield Problem(_join(path, key), moved, origin)
    elif new is None:
        names = [name for name, parameter in known.items() if not parameter.injected]
        yield Problem(_join(path, key), f"unknown key{nearest(key, names)}", origin)
    elif key in renamed.VALUES:
        yield Problem(_join(path, key), f"is now called {new!r}; {renamed.VALUES[key]}", origin)
    else:
        place = _join(path, key)
        problems = list(_problems(value, known[new].schema, place, origin))
        of_value = [f"; {problem.message}" for problem in problems if problem.path == place]
        yield Problem(place, f"is now called {new!r}{''.join(of_value)}", origin)
        yield from (problem for problem in problems if problem.path != place)


def _missing(value: dict[str, Any], known: dict[str, Parameter], path: str, origin: str) -> Iterator[Problem]:
    given = {*value, *(renamed.new_name(key, renamed.KEYS, known) for key in value)}
    for parameter in known.values():
        if parameter.required and parameter.name not in given:
            yield Problem(_join(path, parameter.name), f"missing; expected {type_name(parameter.schema)}", origin)


def _join(path: str, key: str | int) -> str:
    return f"{path}.{key}" if path else str(key)


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 60 else text[:57] + '..."'


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
