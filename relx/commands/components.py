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
    parser.add_argument(
        "kind", nargs="?",
        help="list this kind, or show all components of this name, or what an experiment file can say under this key "
        f"('trainer'); {EXPERIMENT!r} shows all its keys",
    )  # fmt: skip
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
    if args.name is not None:
        return listing.of_component(_component(_kind(args.kind), args.name))
    return _kind_or_named(args.kind)


def _kind_or_named(name: str) -> str:
    """List the components of a kind, or else those of that name and the part at that key of an experiment file."""
    from relx import config
    from relx.errors import RegistrationError
    from relx.registry import components, kinds, listing, nearest, suggestion

    known = {kind.name: kind for kind in kinds()}
    if name in known:
        return listing.of_kind(known[name])
    if found := listing.of_name(name, experiment_class()):
        return found
    for kind in known.values():
        if new := config.renamed.new_component(name, kind.name, components(kind)):
            raise RegistrationError(f"the {kind.name} {name!r} is now called {new!r}")
    close = suggestion(name, [*known, EXPERIMENT, *listing.names(experiment_class())])
    hint = close or nearest(name, [*known, EXPERIMENT])
    raise RegistrationError(f"no kind of component and no component is named {name!r}{hint}")


def _kind(name: str) -> "Kind":
    from relx.errors import RegistrationError
    from relx.registry import kinds, nearest

    known = {kind.name: kind for kind in kinds()}
    if name not in known:
        raise RegistrationError(f"no kind of component is named {name!r}{nearest(name, known)}")
    return known[name]


def _component(kind: "Kind", name: str) -> "Component":
    from relx import config
    from relx.errors import RegistrationError
    from relx.registry import components, nearest

    known = components(kind)
    if new := config.renamed.new_component(name, kind.name, known):
        raise RegistrationError(f"the {kind.name} {name!r} is now called {new!r}")
    if name not in known:
        raise RegistrationError(f"no {kind.name} is registered as {name!r}{nearest(name, known)}")
    return known[name]
