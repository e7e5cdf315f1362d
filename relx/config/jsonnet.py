"""Experiment files: Jsonnet or JSON text to a tree of plain values."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relx.config import scan
from relx.errors import ConfigError
from relx.registry import suggestion

MAX_DEPTH = 100
_PLACE = re.compile(r"(?!std\.jsonnet:)(?P<file>.*?):\(?(?P<line>\d+):(?P<column>\d+)")


def load(path: str | Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Evaluate an experiment file.

    ``variables`` are the top-level arguments of a Jsonnet file that is a function: JSON where they parse as JSON, else
    strings. Raises ConfigError with file and line for anything that cannot be read, for unknown variables, for
    variables without a value, and for a result that is not an object.
    """
    path, variables = Path(path), dict(variables or {})
    text = _read(path)
    if path.suffix == ".json":
        if variables:
            raise ConfigError(f"{path}: a .json file takes no variables; --var needs a Jsonnet function")
        tree = _parse(text, path)
    else:
        tree = _parse(_evaluate(path, text, variables), path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: an experiment is an object, this is {json.dumps(tree)[:60]}")
    return tree


def parse_value(text: str) -> Any:
    """A value given on the command line: JSON if it parses, else the string itself."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return text


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such experiment file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if not text.strip():
        raise ConfigError(f"{path}: the file is empty")
    return text


def _parse(text: str, path: Path) -> Any:
    try:
        tree = _decode(text)
        _limit_depth(tree)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not usable as JSON: {error}") from None
    return tree


def _decode(text: str) -> Any:
    return json.loads(
        text, parse_constant=_number, parse_float=_number, parse_int=_number, object_pairs_hook=_unique_keys
    )


def _number(text: str) -> int | float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a number that JSON can hold")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return tree


def _limit_depth(tree: Any) -> None:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
    if level:
        raise RecursionError


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def _evaluate(path: Path, text: str, variables: Mapping[str, str]) -> str:
    import _jsonnet  # noqa: PLC0415  (a .json experiment needs none)

    codes = {name: json.dumps(parse_value(value)) for name, value in variables.items()}
    try:
        if variables and not _is_function(path):  # Jsonnet would ignore them without a word
            names = ", ".join(variables)
            raise ConfigError(f"{path}: takes no variables (it is not a function), so --var {names} has no meaning")
        return _jsonnet.evaluate_snippet(str(path), text, tla_codes=codes)
    except RuntimeError as error:
        raise ConfigError(_explain(path, str(error))) from None


def _is_function(path: Path) -> bool:
    import _jsonnet  # noqa: PLC0415

    return _jsonnet.evaluate_snippet(str(path), f"std.isFunction(import {json.dumps(path.name)})").strip() == "true"


def _explain(path: Path, trace: str) -> str:
    """Jsonnet's message with its place in front, and its causes named where users meet them.

    What an imported file raises itself (``error '...'``) is meant for who uses it, and has the user's file in front.
    """
    message, *frames = trace.strip().split("\n\t")
    message = re.sub(r"^(RUNTIME|STATIC) ERROR: ", "", message)
    if frames and frames[0].strip() == "Top-level function":
        return f"{path}: {_explain_variable(message, path)}"
    if message.startswith("max stack frames") and (cycle := scan.import_cycle(path)):
        return f"{path}: import cycle: {' -> '.join(map(str, cycle))}"
    if _PLACE.match(message):
        return message
    place = next((frame.split("\t")[0] for frame in frames if _PLACE.match(frame)), str(path))
    return f"{path if _raised_by_import(place, path) else place}: {message}"


def _raised_by_import(place: str, path: Path) -> bool:
    """Whether an ``error`` expression of another file than ``path`` stands at a place."""
    found = _PLACE.match(place)
    if found is None or found["file"] == str(path) or not Path(found["file"]).is_file():
        return False
    line = Path(found["file"]).read_text(encoding="utf-8", errors="replace").splitlines()[int(found["line"]) - 1]
    return line[int(found["column"]) - 1 :].startswith("error ")


def _explain_variable(message: str, path: Path) -> str:
    if unbound := re.match(r"function parameter (\w+) not bound", message):
        return f"the variable {unbound[1]!r} has no default; give it with --var {unbound[1]}=VALUE"
    if unknown := re.match(r"function has no parameter (\w+)", message):
        known = scan.variables(path)
        hint = suggestion(unknown[1], known)
        listed = f"{' Its' if hint else '; its'} variables: {', '.join(known)}" if known else ""
        return f"no variable {unknown[1]!r}{hint}{listed}"
    return message
