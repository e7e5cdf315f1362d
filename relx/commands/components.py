"""``relx components``: what an experiment file can name."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, experiment_class, include_plugins

if TYPE_CHECKING:
    from relx.registry import Component, Kind

HELP = "list the registered components and their arguments"
EXPERIMENT = "experiment"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("kind", nargs="?", help=f"list this kind; {EXPERIMENT!r} shows the keys of an experiment file")
    parser.add_argument("name", nargs="?", help="show this component's arguments")
    parser.add_argument("--markdown", action="store_true", help="print all of relx's own components as a page")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was asked for. Raises RegistrationError for an unknown kind or name."""
    from relx import plugins

    include_plugins(args)
    plugins.load_installed()
    print(_text(args))
    return 0


def _text(args: argparse.Namespace) -> str:
    from relx.registry import listing

    if args.markdown:
        return listing.page(experiment_class())
    if args.kind is None:
        return listing.overview()
    if args.kind == EXPERIMENT:
        return listing.of_experiment(experiment_class())
    kind = _kind(args.kind)
    return listing.of_kind(kind) if args.name is None else listing.of_component(_component(kind, args.name))


def _kind(name: str) -> "Kind":
    from relx.errors import RegistrationError
    from relx.registry import kinds, nearest

    known = {kind.name: kind for kind in kinds()}
    if name not in known:
        raise RegistrationError(f"no kind of component is named {name!r}{nearest(name, [*known, EXPERIMENT])}")
    return known[name]


def _component(kind: "Kind", name: str) -> "Component":
    from relx.errors import RegistrationError
    from relx.registry import components, nearest

    known = components(kind)
    if name not in known:
        raise RegistrationError(f"no {kind.name} is registered as {name!r}{nearest(name, known)}")
    return known[name]
