"""``relx components``: what an experiment file can name, as text for a terminal and as a page of the documentation."""

import argparse
import json
import os
import textwrap
from collections.abc import Iterator

from relx import config, plugins
from relx.commands.common import add_include_argument, experiment_class, include_plugins
from relx.errors import RegistrationError
from relx.registry import (
    Component,
    Kind,
    Parameter,
    Part,
    Reference,
    components,
    describe,
    kind_of,
    kinds,
    nearest,
    suggestion,
    type_name,
)
from relx.registry.signature import Either, ListOf, MapOf, Schema
from relx.registry.source import ROOT

EXPERIMENT = "experiment"
INTRODUCTION = (
    "What an experiment file can name, made from the signatures by `make components`; do not edit it by hand.",
    "A type such as `head` is a kind: its value is an object whose `type` is one of the names listed under that kind.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "kind", nargs="?",
        help="list this kind, or show all components of this name, or the keys of an experiment file under this key "
        f"('trainer'); {EXPERIMENT!r} shows all its keys",
    )  # fmt: skip
    parser.add_argument("name", nargs="?", help="show this component's arguments")
    parser.add_argument("--markdown", action="store_true", help="print a page of all components of relx")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was asked for. Raises RegistrationError for an unknown kind or name."""
    include_plugins(args)
    plugins.load_installed()
    print(_text(args))
    return 0


def _text(args: argparse.Namespace) -> str:
    if args.markdown:
        return page(experiment_class())
    if args.kind is None:
        return overview()
    if args.kind == EXPERIMENT:
        return of_experiment(experiment_class())
    if args.name is not None:
        return of_component(_component(_kind(args.kind), args.name))
    return _kind_or_named(args.kind)


def _kind_or_named(name: str) -> str:
    """List the components of a kind, or else those of that name and the part at that key of an experiment file."""
    known = {kind.name: kind for kind in kinds()}
    if name in known:
        return of_kind(known[name])
    if found := of_name(name, experiment_class()):
        return found
    if kind := kind_at(name, experiment_class()):
        return of_kind(kind)
    for kind in known.values():
        if new := config.renamed.new_component(name, kind.name, components(kind)):
            raise RegistrationError(f"the {kind.name} {name!r} is now called {new!r}")
    close = suggestion(name, [*known, EXPERIMENT, *names(experiment_class())])
    hint = close or nearest(name, [*known, EXPERIMENT])
    raise RegistrationError(f"no kind of component and no component is named {name!r}{hint}")


def _kind(name: str) -> Kind:

    known = {kind.name: kind for kind in kinds()}
    if name not in known:
        raise RegistrationError(f"no kind of component is named {name!r}{nearest(name, known)}")
    return known[name]


def _component(kind: Kind, name: str) -> Component:
    known = components(kind)
    if new := config.renamed.new_component(name, kind.name, known):
        raise RegistrationError(f"the {kind.name} {name!r} is now called {new!r}")
    if name not in known:
        raise RegistrationError(f"no {kind.name} is registered as {name!r}{nearest(name, known)}")
    return known[name]


def overview() -> str:
    """List every kind with the number of its components."""
    rows = [(kind.name, str(len(components(kind))), kind.summary) for kind in kinds()]
    return _columns(rows)


def of_kind(kind: Kind) -> str:
    """List every component of a kind with its first line of documentation and its place."""
    rows = [(component.name or "", component.summary, component.place) for component in components(kind).values()]
    return _columns(rows)


def of_component(component: Component, heading: str | None = None) -> str:
    """Describe a component and its arguments, and below it the parts that it nests by position."""
    named = f"{component.name} ({component.kind.name})" if component.kind else component.reference.name
    parts = [_block(heading or named, component)]
    return "\n\n".join([*parts, *(_block(", ".join(places), part) for part, places in _nested(component).items())])


def of_name(name: str, root: Reference) -> str:
    """Describe every component of a name, of whichever kind, and the part at that key of an experiment file.

    ``root`` is the class that the file describes. Return nothing where there is none.
    """
    keys = ((part, key) for part, places in _nested(describe(root)).items() for key in places)
    of_keys = [of_component(part, f"{key} (in the experiment file)") for part, key in keys if key == name]
    named = [found for kind in kinds() for found in components(kind).values() if found.name == name]
    return "\n\n".join([*of_keys, *map(of_component, named)])


def kind_at(path: str, root: Reference) -> Kind | None:
    """Return the kind of the value of a key of an experiment file, such as ``trainer.optimizer``; None for no kind."""
    *above, key = path.split(".")
    component = describe(root)
    if above:
        nested = {place: part for part, places in _nested(component).items() for place in places}
        if ".".join(above) not in nested:
            return None
        component = nested[".".join(above)]
    parameters = [parameter for parameter in component.parameters if parameter.name == key]
    kinds_there = [kind_of(part.reference) for parameter in parameters for part in _parts(parameter.schema)]
    return next((kind for kind in kinds_there if kind is not None), None)


def names(root: Reference) -> list[str]:
    """Return the names that ``of_name`` knows."""
    keys = [key for places in _nested(describe(root)).values() for key in places]
    return [*keys, *(name for kind in kinds() for name in components(kind))]


def of_experiment(root: Reference) -> str:
    """List the keys of an experiment file whose top level is the class that ``root`` names."""
    return of_component(describe(root), "experiment")


def page(root: Reference) -> str:
    """Describe the experiment of class ``root``, then relx's own components, as Markdown."""
    lines = ["# Components", "", *INTRODUCTION, "", "## The experiment file", "", *_sections(describe(root), "###")]
    for kind in filter(lambda kind: _is_own(kind.reference), kinds()):
        lines += [f"## {kind.name}", "", *_about(kind)]
        if kind.injects:
            lines += [f"Given at run time: {', '.join(kind.injects)}.", ""]
        for component in filter(lambda component: _is_own(component.reference), components(kind).values()):
            lines += [f"### `{component.name}`", "", *_sections(component, "####")]
    return "\n".join(lines)


def _nested(component: Component) -> dict[Component, list[str]]:
    """Return the classes that a component nests by position rather than by name, and the dotted paths of each."""
    places: dict[Component, list[str]] = {}
    for path, part in _parts_below(component, ""):
        places.setdefault(part, []).append(path)
    return places


def _parts_below(component: Component, path: str) -> Iterator[tuple[str, Component]]:
    for parameter in component.parameters:
        for part in _parts(parameter.schema):
            if kind_of(part.reference) is None:
                place, nested = f"{path}.{parameter.name}".lstrip("."), describe(part.reference)
                yield place, nested
                yield from _parts_below(nested, place)


def _block(heading: str, component: Component) -> str:
    rows = [(f"  {p.name}", _default(p), _type(p)) for p in component.parameters]
    lines = [heading, component.text, component.place, ""]
    for argument, row in zip(component.parameters, _columns(rows).splitlines(), strict=True):
        meaning = component.meaning(argument.name)
        lines += [row, *textwrap.wrap(meaning, 100, initial_indent=6 * " ", subsequent_indent=6 * " ")]
    return "\n".join(lines if rows else [*lines, "  (no arguments)"])


def _sections(component: Component, level: str) -> list[str]:
    """Return the lines on a component and, under headings of that level, on the parts that it nests by position."""
    lines = _section(component)
    for part, places in _nested(component).items():
        lines += [f"{level} {', '.join(f'`{place}`' for place in places)}", "", *_section(part)]
    return lines


def _section(component: Component) -> list[str]:
    rows = [
        f"| `{p.name}` | {_default(p)} | {_escaped(_type(p))} | {_escaped(component.meaning(p.name))} |"
        for p in component.parameters
    ]
    heading = ["| argument | default | type | meaning |", "|---|---|---|---|"]
    return [*_about(component), *([*heading, *rows, ""] if rows else [])]


def _about(described: Component | Kind) -> list[str]:
    file = os.path.relpath(described.file, ROOT.parent).replace(os.sep, "/")
    return [f"{described.summary} ([{file}](../{file}))", ""]


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
