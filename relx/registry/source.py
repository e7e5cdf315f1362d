"""Reads relx's own components from their source, without importing them (importing one imports torch).

A test holds that what is read here equals what the imported classes say of themselves.
Annotations may be ``X``, ``X | Y``, ``list[X]``, ``dict[str, X]``, ``Literal[...]``, ``Lazy[Kind]``, ``Injected[...]``,
and a name that a module of relx assigns to one of these. A name is a builtin, defined in its module, or imported by
``from module import name``; dotted names, ``Optional`` and annotations in quotes are not understood.
"""

import ast
import builtins
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from relx.errors import RegistrationError
from relx.registry.signature import REQUIRED, Lazy, Nothing, Parameter, Reference, Unsupported, parameter

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, eq=False)
class ClassSource:
    """A class definition as it is written."""

    reference: Reference
    node: ast.ClassDef
    file: str

    @property
    def line(self) -> int:
        """The first line, decorators included."""
        return min([self.node.lineno, *(decorator.lineno for decorator in self.node.decorator_list)])

    @property
    def doc(self) -> str:
        """The docstring."""
        return ast.get_docstring(self.node) or ""

    @functools.cached_property
    def meanings(self) -> dict[str, str]:
        """What the docstrings of the class and of its bases say about each argument."""
        bases = [base.meanings for base in self._bases()]
        return {name: text for part in [*bases[::-1], split_docstring(self.doc)[1]] for name, text in part.items()}

    @property
    def kind(self) -> str | None:
        """The name of the kind that the class opens."""
        return self._keyword("kind", None)

    @property
    def injects(self) -> tuple[str, ...]:
        """The run-time values that a kind's components are given."""
        return self._keyword("injects", ())

    @property
    def name(self) -> str | None:
        """The name under which the class is registered."""
        call = self._registration()
        return ast.literal_eval(call.args[0]) if call is not None else None

    @functools.cached_property
    def registered_under(self) -> Reference | None:
        """The class that opens the kind under which this one is registered."""
        call = self._registration()
        if call is None:
            return None
        assert isinstance(call.func, ast.Attribute)
        return _resolve(self.reference.module, ast.unparse(call.func.value))

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the constructor, which may be a base class's."""
        written = self._constructor()
        return tuple(_parameters(*written)) if written is not None else ()

    def _constructor(self) -> tuple[str, ast.arguments] | None:
        for node in self.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return self.reference.module, node.args
        return next(filter(None, (base._constructor() for base in self._bases())), None)

    def _bases(self) -> list["ClassSource"]:
        references = (_resolve(self.reference.module, ast.unparse(base)) for base in self.node.bases)
        return [found for found in map(find_class, filter(None, references)) if found is not None]

    def _keyword(self, name: str, default: Any) -> Any:
        return next((ast.literal_eval(k.value) for k in self.node.keywords if k.arg == name), default)

    def _registration(self) -> ast.Call | None:
        for node in self.node.decorator_list:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "register":
                return node
        return None


_ENTRY = re.compile(r"(\w+)(?: \([^)]*\))?:(?: +|$)(.*)")


def split_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """Take the section ``Args:`` (Google style) out of a docstring: the rest, and the meaning of each argument.

    ``doc`` has no common indentation, as ``inspect.cleandoc`` gives it. The section ends where the indentation does.
    """
    before, heading, after = f"\n{doc}\n".partition("\nArgs:\n")
    if not heading:
        return doc, {}
    lines = after.split("\n")
    end = next((number for number, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    entries = [line for line in lines[:end] if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in entries), default=0)
    meanings: dict[str, str] = {}
    for line in entries:
        found = _ENTRY.fullmatch(line[indent:])
        if found:
            meanings[found[1]] = found[2]
        elif meanings:
            last = next(reversed(meanings))
            meanings[last] = f"{meanings[last]} {line.strip()}".strip()
    rest = [before.strip("\n"), "\n".join(lines[end:]).strip("\n")]
    return "\n\n".join(part for part in rest if part), meanings


def registered(package: str) -> list[ClassSource]:
    """Return every class of a package, at any depth, that is registered under a name."""
    modules = (module for module in _modules(package) if ".register(" in _text(module))  # few need to be parsed
    return [found for module in modules for found in _classes(module) if found.name is not None]


def kinds(package: str) -> list[ClassSource]:
    """Return every class of a package that opens a kind."""
    modules = (module for module in _modules(package) if "kind=" in _text(module))
    return [found for module in modules for found in _classes(module) if found.kind is not None]


def find_class(reference: Reference) -> ClassSource | None:
    """Return the definition of one of relx's own classes, or None for a foreign class."""
    if _path(reference.module) is None:
        return None
    return next((found for found in _classes(reference.module) if found.reference == reference), None)


def _parameters(module: str, arguments: ast.arguments) -> Iterator[Parameter]:
    positional = arguments.args[1:]
    defaults = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults, *arguments.kw_defaults]
    for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True):
        value = REQUIRED if default is None else ast.literal_eval(default)
        where = f"{_path(module)}:{argument.lineno}: argument {argument.arg!r}"
        if argument.annotation is None:
            raise RegistrationError(f"{where} has no type annotation")
        try:
            yield _parameter(module, argument.arg, argument.annotation, value)
        except (Unsupported, NameError) as error:
            raise RegistrationError(f"{where}: {error}") from error


def _parameter(module: str, name: str, annotation: ast.expr, default: Any) -> Parameter:
    if ast.unparse(annotation).startswith("Injected["):  # it may be of any type, torch's included
        return Parameter(name, Nothing(), default, injected=True)
    return parameter(name, _evaluate(module, annotation), default)


def _evaluate(module: str, annotation: ast.expr) -> Any:
    return eval(compile(ast.Expression(annotation), module, "eval"), {}, _Names(module))


class _Names(dict[str, Any]):
    """Map the names of an annotation to builtins, markers, aliases, and a placeholder for every class."""

    def __init__(self, module: str) -> None:
        super().__init__(Lazy=Lazy, Literal=Literal)
        self.module = module

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        reference = _resolve(self.module, name)
        if reference is None:
            raise KeyError(name)
        alias = _aliases(reference.module).get(reference.name)
        if alias is not None:
            return _evaluate(reference.module, alias)
        return type(name, (), {"__reference__": reference, "__module__": reference.module})


@functools.cache
def _resolve(module: str, name: str) -> Reference | None:
    """Where a name that a module uses is defined, through any chain of imports."""
    if name in _aliases(module) or any(found.reference.name == name for found in _classes(module)):
        return Reference(module, name)
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    own = _path(node.module) is not None
                    return _resolve(node.module, alias.name) if own else Reference(node.module, alias.name)
    return None


@functools.cache
def _classes(module: str) -> list[ClassSource]:
    file = str(_path(module))
    definitions = [node for node in _tree(module).body if isinstance(node, ast.ClassDef)]
    return [ClassSource(Reference(module, node.name), node, file) for node in definitions]


@functools.cache
def _aliases(module: str) -> dict[str, ast.expr]:
    """Names that a module gives to types, such as ``Decoding = Literal["nearest", "all_pairs"]``."""
    assignments = [node for node in _tree(module).body if isinstance(node, ast.Assign)] if _path(module) else []
    return {target.id: node.value for node in assignments for target in node.targets if isinstance(target, ast.Name)}


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_text(module), str(_path(module)))


@functools.cache
def _text(module: str) -> str:
    path = _path(module)
    assert path is not None
    return path.read_text(encoding="utf-8")


@functools.cache
def _modules(package: str) -> list[str]:
    base = _path(package)
    if base is None:
        return []
    if base.name != "__init__.py":
        return [package]
    parts = [("relx", *file.relative_to(ROOT).with_suffix("").parts) for file in sorted(base.parent.rglob("*.py"))]
    return [".".join(names).removesuffix(".__init__") for names in parts]


@functools.cache
def _path(module: str) -> Path | None:
    first, *rest = module.split(".")
    if first != "relx":
        return None
    place = ROOT.joinpath(*rest)
    return next((p for p in (place / "__init__.py", place.with_suffix(".py")) if p.is_file()), None)
