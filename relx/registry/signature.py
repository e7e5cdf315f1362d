"""What a constructor accepts, as data: the schema against which experiment files are checked.

A schema is made from type annotations. ``Injected[T]`` marks a value that the program supplies at run time and that
may not be in a file; ``Lazy[T]`` a part that is checked with the file and built later, when such values are known.
"""

import importlib
import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from relx.errors import ConfigError, RegistrationError

T = TypeVar("T")


class _InjectedMarker:
    pass


INJECTED = _InjectedMarker()
Injected = Annotated[T, INJECTED]


class Lazy(Generic[T]):
    """A part whose arguments are known and which is built when the program can supply the injected ones.

    ``where`` is its place in the experiment file, for messages.
    """

    def __init__(self, constructor: Callable[..., T], where: str = "a part", /, **arguments: Any) -> None:
        self.constructor = constructor
        self.where = where
        self.arguments = arguments

    def build(self, **injected: Any) -> T:
        """Build the part, handing it those of the injected values that its constructor asks for.

        Raises ConfigError, with the dotted path of the part, when its constructor rejects a value (ValueError), and
        RegistrationError when it asks for a value that is not supplied here.
        """
        wanted = [p for p in parameters_of(self.constructor) if p.injected]
        given = {p.name: injected[p.name] for p in wanted if p.name in injected}
        missing = [p.name for p in wanted if p.name not in injected and p.default is REQUIRED]
        if missing:
            raise RegistrationError(
                f"{self.where}: needs the run-time value {missing[0]!r}, which is unknown when relx builds it; "
                "the component that holds it must take it as Lazy[...] and supply the value"
            )
        try:
            return self.constructor(**given, **self.arguments)
        except ValueError as error:
            raise ConfigError(f"{self._place_of(error)}: {error}") from error

    def _place_of(self, error: ValueError) -> str:
        """Return the dotted path of the only number that the message ends with and does not name, else of the part.

        The optimizers of torch write ``Invalid learning rate: -1.0``.
        """
        message = str(error)
        numbers = {key: value for key, value in self.arguments.items() if type(value) in (int, float)}
        rejected = [key for key, value in numbers.items() if message.endswith(f": {value}") and key not in message]
        return f"{self.where}.{rejected[0]}" if len(rejected) == 1 else self.where


@dataclass(frozen=True)
class Reference:
    """Names a class by the module that defines it; the class need not be imported."""

    module: str
    name: str

    def load(self) -> Any:
        """Import and return the class itself."""
        target: Any = importlib.import_module(self.module)
        for name in self.name.split("."):
            target = getattr(target, name)
        return target


@dataclass(frozen=True)
class Scalar:
    """One of the JSON scalars: ``int``, ``float``, ``str`` or ``bool``."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Nothing:
    """JSON's ``null``."""

    def __str__(self) -> str:
        return "null"


@dataclass(frozen=True)
class Choice:
    """One of a few given values."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " | ".join(map(json.dumps, self.values))


@dataclass(frozen=True)
class ListOf:
    """A list with items of one schema."""

    item: "Schema"


@dataclass(frozen=True)
class MapOf:
    """An object with any keys and values of one schema."""

    value: "Schema"


@dataclass(frozen=True)
class Either:
    """Any of several schemas."""

    options: tuple["Schema", ...]


@dataclass(frozen=True)
class Part:
    """A nested component: chosen by its ``type`` when the class opens a kind, else the class itself."""

    reference: Reference
    lazy: bool = False


Schema = Scalar | Nothing | Choice | ListOf | MapOf | Either | Part

REQUIRED = inspect.Parameter.empty
ALLOWED = "use int, float, str, bool, None, Literal, list[X], dict[str, X], unions of them, a kind, or Lazy[kind]"


@dataclass(frozen=True)
class Parameter:
    """One argument of a constructor."""

    name: str
    schema: Schema
    default: Any = REQUIRED
    injected: bool = False

    @property
    def required(self) -> bool:
        """Whether an experiment file must give it."""
        return self.default is REQUIRED and not self.injected


class Unsupported(Exception):
    """An annotation or a default that no experiment file can hold."""


def schema_of(annotation: Any) -> Schema:
    """Return the schema of an annotation. Raises Unsupported for one that no file can satisfy, such as a callable."""
    if annotation is None or annotation is type(None):
        return Nothing()
    if annotation in (int, float, str, bool):
        return Scalar(annotation.__name__)
    if typing.get_origin(annotation) is not None:
        return _generic_schema(annotation)
    if isinstance(annotation, type) and annotation is not Lazy and not _is_standard(annotation):
        return Part(_reference_of(annotation))
    raise _no_file_holds(annotation)


def parameter(name: str, annotation: Any, default: Any) -> Parameter:
    """Return a parameter from its annotation and default.

    Raises Unsupported as ``schema_of`` does, and for a default that JSON cannot write.
    """
    if _is_injected(annotation):
        return Parameter(name, Nothing(), default, injected=True)
    schema = schema_of(annotation)
    try:
        json.dumps(None if default is REQUIRED else default, allow_nan=False)
    except (TypeError, ValueError):
        raise Unsupported(f"its default {default!r} cannot be written in an experiment file") from None
    return Parameter(name, schema, default)


def _is_injected(annotation: Any) -> bool:
    # Python 3.10 makes a union with None of an annotation whose default is None.
    options = (annotation, *typing.get_args(annotation))
    return any(typing.get_origin(o) is Annotated and INJECTED in o.__metadata__ for o in options)


def parameters_of(constructor: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a class's own constructor, or of a function.

    Raises RegistrationError for ``*args``, ``**kwargs``, a missing annotation, or one that no file can satisfy.
    """
    function = own_constructor(constructor) if isinstance(constructor, type) else constructor
    return tuple(_parameters(constructor, function)) if function is not None else ()


def own_constructor(cls: type) -> Callable[..., None] | None:
    """Return the ``__init__`` that a class has or inherits, or None if it comes from ``object`` or ``nn.Module``."""
    base = next(base for base in cls.__mro__ if "__init__" in vars(base))
    # nn.Module's *args and **kwargs are no part of a component's signature.
    plain = (base.__module__, base.__qualname__) in (("builtins", "object"), ("torch.nn.modules.module", "Module"))
    return None if plain else vars(base)["__init__"]


def _parameters(owner: Any, function: Callable[..., Any]) -> Iterator[Parameter]:
    hints = _type_hints(owner, function)
    for raw in inspect.signature(function).parameters.values():
        if raw.name == "self":
            continue
        if raw.kind in (raw.VAR_KEYWORD, raw.VAR_POSITIONAL):
            raise _unusable(owner, raw.name, "a component names each of its arguments; * and ** cannot be checked")
        if raw.name not in hints:
            raise _unusable(owner, raw.name, "has no type annotation, so no file can be checked against it")
        try:
            yield parameter(raw.name, hints[raw.name], raw.default)
        except Unsupported as error:
            raise _unusable(owner, raw.name, str(error)) from error


def _type_hints(owner: Any, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise RegistrationError(f"{owner.__module__}.{owner.__qualname__}: in an annotation, {error}") from error


def _unusable(owner: Any, argument: str, why: str) -> RegistrationError:
    return RegistrationError(f"{owner.__module__}.{owner.__qualname__}, argument {argument!r}: {why}")


def _generic_schema(annotation: Any) -> Schema:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return Choice(arguments)
    if origin in (typing.Union, types.UnionType):
        return Either(tuple(map(schema_of, arguments)))
    if origin is list:
        return ListOf(schema_of(arguments[0]))
    if origin is dict and arguments[0] is str:
        return MapOf(schema_of(arguments[1]))
    if origin is Lazy:
        return Part(_reference_of(arguments[0]), lazy=True)
    raise _no_file_holds(annotation)


def _is_standard(cls: type) -> bool:
    """Return whether a class belongs to Python's library, such as ``Path``. A file cannot give it arguments."""
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names


def _no_file_holds(annotation: Any) -> Unsupported:
    return Unsupported(f"no experiment file can hold a value of type {inspect.formatannotation(annotation)}; {ALLOWED}")


def _reference_of(cls: type) -> Reference:
    """Return the reference of a class.

    A placeholder class made from source code stores its reference. A real class gives its own module and name.
    """
    return getattr(cls, "__reference__", None) or Reference(cls.__module__, cls.__qualname__)
