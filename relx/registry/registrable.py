"""Kinds of components and the components registered under them.

A kind is opened by subclassing ``Registrable`` with a ``kind`` keyword, a component joins it with
``@Kind.register("name")``. relx's own components are found from their source, so that listing and checking them imports
neither them nor torch; a plugin's component is known once the plugin is imported. Below are the words in which messages
speak of names and types.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from relx import plugins
from relx.errors import RegistrationError
from relx.registry import source
from relx.registry.signature import Either, Lazy, ListOf, MapOf, Parameter, Part, Reference, Schema, parameters_of

C = TypeVar("C", bound=type)
T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """A kind of component: the class that opens it, the package where relx's own live, what a builder hands them."""

    name: str
    reference: Reference
    injects: tuple[str, ...] = ()
    file: str = field(default="", compare=False)
    doc: str = field(default="", compare=False)

    @property
    def home(self) -> str:
        """The package whose modules hold relx's own components of this kind."""
        return self.reference.module.rpartition(".")[0]

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return self.doc.partition("\n")[0]


@dataclass(frozen=True)
class Component:
    """A class that an experiment file can name, and where it is written."""

    reference: Reference
    parameters: tuple[Parameter, ...]
    file: str
    line: int
    doc: str
    name: str | None = None
    kind: Kind | None = None
    meanings: tuple[tuple[str, str], ...] = ()
    cls: type | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """``file:line`` of the definition."""
        return f"{self.file}:{self.line}"

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return self.doc.partition("\n")[0]

    @property
    def text(self) -> str:
        """Its documentation without that of its arguments."""
        return source.split_docstring(self.doc)[0]

    def meaning(self, argument: str) -> str:
        """Return the meaning of an argument from the ``Args:`` section of the docstring, or "" if it has none."""
        return dict(self.meanings).get(argument, "")

    def load(self) -> type:
        """Return the class itself; import it if necessary."""
        return self.cls or self.reference.load()


_kinds: dict[Reference, Kind] = {}
_registered: dict[Kind, dict[str, Component]] = {}


class Registrable:
    """Base of every kind. ``class Head(Registrable, kind="head", injects=("input_dim",))`` opens one."""

    __kind__: ClassVar[Kind]

    def __init_subclass__(cls, kind: str | None = None, injects: tuple[str, ...] = (), **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if kind is not None:
            cls.__kind__ = Kind(kind, Reference(cls.__module__, cls.__qualname__), injects, _file(cls), _doc(cls))
            _kinds[cls.__kind__.reference] = cls.__kind__

    @classmethod
    def register(cls, name: str) -> Callable[[C], C]:
        """Register the decorated class under ``name``.

        Raises RegistrationError for a name that is taken (both places are shown), a class of another kind, a
        constructor with ``**kwargs``, unannotated arguments, or an injected value that the kind is not given, and when
        this class opens no kind.
        """
        if not hasattr(cls, "__kind__"):
            raise RegistrationError(
                f'{cls.__qualname__} declares no kind of component; write class {cls.__name__}(Registrable, kind="...")'
            )

        def decorate(component: C) -> C:
            if not (isinstance(component, type) and issubclass(component, cls)):
                raise RegistrationError(
                    f"{component.__module__}.{component.__qualname__} is registered as {name!r} "
                    f"but is not a subclass of {cls.__name__}"
                )
            _add(cls.__kind__, name, component)
            return component

        return decorate

    @classmethod
    def named(cls: type[T], name: str, /, **arguments: Any) -> Lazy[T]:
        """Describe the component registered under ``name``: the default of a part that an experiment leaves out.

        Raises RegistrationError for an unknown name.
        """
        component = lookup(cls.__kind__, name)  # type: ignore[attr-defined]
        if component is None:
            raise RegistrationError(f"{name!r} is not a registered {cls.__kind__.name}")  # type: ignore[attr-defined]
        return Lazy(component.load(), **arguments)


def kinds() -> list[Kind]:
    """Return every kind of relx and of the plugins imported so far, by name."""
    own = {kind.reference: kind for kind in map(_kind_from_source, source.kinds("relx"))}
    return sorted({**own, **_kinds}.values(), key=lambda kind: kind.name)


def kind_of(reference: Reference) -> Kind | None:
    """Return the kind that a class opens, or None if it opens none."""
    if reference in _kinds:
        return _kinds[reference]
    found = source.find_class(reference)
    return _kind_from_source(found) if found is not None and found.kind is not None else None


def components(kind: Kind) -> dict[str, Component]:
    """Return the components of a kind by name: relx's own and those of imported plugins."""
    return dict(sorted({**_own(kind), **_registered.get(kind, {})}.items()))


def lookup(kind: Kind, name: str) -> Component | None:
    """Return the component of that name, or None if neither relx nor an imported or installed plugin has it.

    Raises PluginError for an installed plugin that cannot be imported.
    """
    found = _find(kind, name)
    if found is None:
        plugins.load_installed()
        found = _find(kind, name)
    return found


def describe(reference: Reference) -> Component:
    """Describe a class that files nest by position rather than by name, such as the trainer."""
    found = source.find_class(reference)
    return _component_from_source(found, None) if found is not None else _component_of(reference.load(), None, None)


def registered_name(component: Registrable) -> str:
    """Return the name under which the class of a component is registered, or the name of the class if it is not."""
    reference = Reference(type(component).__module__, type(component).__qualname__)
    every = components(component.__kind__).items()
    return next((name for name, known in every if known.reference == reference), reference.name)


def type_name(schema: Schema) -> str:
    """Return a schema as users read it, such as ``list of seq2seq_encoder | null``."""
    match schema:
        case ListOf(item):
            return f"list of {type_name(item)}"
        case MapOf(value):
            return f"object of {type_name(value)}"
        case Either(options):
            return " | ".join(map(type_name, options))
        case Part(reference):
            kind = kind_of(reference)
            return kind.name if kind is not None else reference.name
    return str(schema)


def with_article(name: str) -> str:
    """Return a name with its indefinite article: ``a head``, ``an optimizer``."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` if a known name is close, else the known names.

    A known name is also close if it is the first word of the name, as ``ema`` of ``ema_decay``.
    """
    known = list(known)
    first_words = [word for word in known if name.startswith(f"{word}_")]
    close = suggestion(name, known) or suggestion(name, first_words, cutoff=0)
    return close or f"; known: {', '.join(sorted(known)) or 'none'}"


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'x'?`` if a known name is as close as ``cutoff`` (0 to 1), else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""


def _find(kind: Kind, name: str) -> Component | None:
    return _registered.get(kind, {}).get(name) or _own(kind).get(name)


def _add(kind: Kind, name: str, cls: type) -> None:
    component = _component_of(cls, name, kind)
    _check_arguments(component, kind)
    taken = _find(kind, name)
    if taken is not None and not _same_source(taken, component):
        raise RegistrationError(_twice(kind, name, taken.place, component.place))
    _registered.setdefault(kind, {})[name] = component


def _same_source(one: Component, other: Component) -> bool:
    """Return whether two records describe the same class.

    This happens when a module is imported again, or a file is imported under two module names.
    """
    return one.reference == other.reference or (one.place == other.place and one.line > 0)


def _twice(kind: Kind, name: str, first: str, second: str) -> str:
    return f"{kind.name} {name!r} is registered twice: at {first} and at {second}; rename one of them"


def _check_arguments(component: Component, kind: Kind) -> None:
    for parameter in component.parameters:
        where = f"{component.place}: {component.reference.name}, argument {parameter.name!r}"
        if parameter.name == "type":
            raise RegistrationError(f"{where}: in a file the key 'type' names the component; choose another name")
        if parameter.injected and parameter.name not in kind.injects:
            given = ", ".join(kind.injects) or "none"
            raise RegistrationError(f"{where}: a {kind.name} can have Injected values of these names only: {given}")


def _component_of(cls: type, name: str | None, kind: Kind | None) -> Component:
    reference = Reference(cls.__module__, cls.__qualname__)
    own = source.find_class(reference)
    try:
        line = own.line if own is not None else inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):  # typed at a prompt
        line = 0
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        meanings.update(source.split_docstring(_doc(base))[1])
    parameters = parameters_of(cls)
    known = _meanings(parameters, meanings)
    return Component(reference, parameters, _file(cls), line, _doc(cls), name, kind, known, cls)


def _meanings(parameters: tuple[Parameter, ...], meanings: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((p.name, meanings[p.name]) for p in parameters if p.name in meanings)


def _file(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or f"<{cls.__module__}>"
    except (OSError, TypeError):  # typed at a prompt
        return f"<{cls.__module__}>"


def _doc(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


@functools.cache
def _own(kind: Kind) -> dict[str, Component]:
    own: dict[str, Component] = {}
    for found in source.registered(kind.home):
        if found.registered_under == kind.reference:
            component = _component_from_source(found, kind)
            twin = own.setdefault(str(found.name), component)
            if twin is not component:
                raise RegistrationError(_twice(kind, str(found.name), twin.place, component.place))
    return own


def _kind_from_source(found: source.ClassSource) -> Kind:
    return Kind(str(found.kind), found.reference, found.injects, found.file, found.doc)


def _component_from_source(found: source.ClassSource, kind: Kind | None) -> Component:
    known = _meanings(found.parameters, found.meanings)
    return Component(found.reference, found.parameters, found.file, found.line, found.doc, found.name, kind, known)
