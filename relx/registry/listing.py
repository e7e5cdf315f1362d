"""What is registered, as text for a terminal and as a page of the documentation."""

import json
import os
from collections.abc import Iterator

from relx.registry.registrable import Component, Kind, components, describe, kind_of, kinds
from relx.registry.signature import Either, ListOf, MapOf, Parameter, Part, Reference, Schema
from relx.registry.source import ROOT
from relx.registry.wording import type_name

INTRODUCTION = (
    "What an experiment file can name, made from the signatures by `make docs`; do not edit it by hand.",
    "A type such as `head` is a kind: its value is an object whose `type` is one of the names listed under that kind.",
)


def overview() -> str:
    """Every kind, with the number of its components."""
    rows = [(kind.name, str(len(components(kind))), kind.doc) for kind in kinds()]
    return _columns(rows)


def of_kind(kind: Kind) -> str:
    """Every component of a kind, with its first line of documentation and its place."""
    rows = [(component.name or "", component.doc, component.place) for component in components(kind).values()]
    return _columns(rows)


def of_component(component: Component, heading: str | None = None) -> str:
    """One component with its arguments."""
    named = f"{component.name} ({component.kind.name})" if component.kind else component.reference.name
    rows = [(f"  {p.name}", _default(p), _type(p)) for p in component.parameters]
    return "\n".join([heading or named, component.doc, component.place, "", _columns(rows) or "  (no arguments)"])


def of_experiment(root: Reference) -> str:
    """The keys of an experiment file whose top level is the class that ``root`` names."""
    return "\n\n".join(of_component(component, path or "experiment") for path, component in _plain_parts(root, ""))


def page(root: Reference) -> str:
    """relx's own components as Markdown, with the experiment that ``root`` describes in front."""
    lines = ["# Components", "", *INTRODUCTION, "", "## The experiment file", ""]
    for path, component in _plain_parts(root, ""):
        lines += [*([f"### `{path}`", ""] if path else []), *_section(component)]
    for kind in filter(lambda kind: _is_own(kind.reference), kinds()):
        lines += [f"## {kind.name}", "", *_about(kind)]
        if kind.injects:
            lines += [f"Given at run time: {', '.join(kind.injects)}.", ""]
        for component in filter(lambda component: _is_own(component.reference), components(kind).values()):
            lines += [f"### `{component.name}`", "", *_section(component)]
    return "\n".join(lines)


def _plain_parts(reference: Reference, path: str) -> Iterator[tuple[str, Component]]:
    """A class and those that it nests by position rather than by name, each with its dotted path."""
    component = describe(reference)
    yield path, component
    for parameter in component.parameters:
        for part in _parts(parameter.schema):
            if kind_of(part.reference) is None:
                yield from _plain_parts(part.reference, f"{path}.{parameter.name}".lstrip("."))


def _section(component: Component) -> list[str]:
    rows = [f"| `{p.name}` | {_default(p)} | {_escaped(_type(p))} |" for p in component.parameters]
    return [*_about(component), *(["| argument | default | type |", "|---|---|---|", *rows, ""] if rows else [])]


def _about(described: Component | Kind) -> list[str]:
    file = os.path.relpath(described.file, ROOT.parent).replace(os.sep, "/")
    return [f"{described.doc} ([{file}](../{file}))", ""]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _is_own(reference: Reference) -> bool:
    return reference.module.partition(".")[0] == "relx"


def _type(parameter: Parameter) -> str:
    return "" if parameter.injected else type_name(parameter.schema)


def _default(parameter: Parameter) -> str:
    if parameter.injected:
        return "at run time"
    return "required" if parameter.required else json.dumps(parameter.default, ensure_ascii=False)


def _parts(schema: Schema) -> Iterator[Part]:
    match schema:
        case Part():
            yield schema
        case ListOf(item) | MapOf(item):
            yield from _parts(item)
        case Either(options):
            for option in options:
                yield from _parts(option)


def _columns(rows: list[tuple[str, str, str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(2)] if rows else []
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[2]]).rstrip() for row in rows)
