"""Experiment files: Jsonnet or JSON text to a tree of plain values."""

import json
import math
import os
import re
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from relx.config import scan
from relx.errors import ConfigError
from relx.registry import suggestion

MAX_DEPTH = 100
# What the evaluation of a file may take; the published experiments take milliseconds.
SECONDS = 60.0
MEMORY = 2**30
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
    except ValueError as error:  # a name that no file can have
        raise ConfigError(f"{path}: cannot be read: {error}") from None
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

    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path}:{line}: holds a NUL character; write it as \\u0000 if it is meant")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{path}: Jsonnet takes UTF-8 file names only; rename this file or its folder") from None
    codes = {name: json.dumps(parse_value(value)) for name, value in variables.items()}

    def evaluated() -> tuple[bool, str]:
        """The value as JSON; or False with Jsonnet's message, which is empty where variables are given in vain."""
        with suppress(RuntimeError):  # an error of the file is met again below
            function = _jsonnet.evaluate_snippet(str(path), f"std.isFunction(\n{text}\n)") if codes else "true"
            if function.strip() != "true":  # Jsonnet would ignore the variables without a word
                return False, ""
        try:
            return True, _jsonnet.evaluate_snippet(str(path), text, tla_codes=codes)
        except RuntimeError as error:
            return False, str(error)

    whole, result = _in_child(evaluated, path)
    if whole:
        return result
    names = ", ".join(variables)
    in_vain = f"{path}: takes no variables (it is not a function), so --var {names} has no meaning"
    raise ConfigError(_explain(path, result) if result else in_vain)


def _in_child(work: Callable[[], tuple[bool, str]], path: Path) -> tuple[bool, str]:
    """Do the work in a child process, which Ctrl-C ends, under limits of time and memory.

    Jsonnet is a language in which a file can loop without end, and its library does not return to Python meanwhile.
    Raises ConfigError, with the file, for work that meets a limit. Without fork (Windows) there are no limits.
    """
    if not hasattr(os, "fork"):
        return work()
    reading, writing = os.pipe()
    # No signal comes between the fork and the block that ends the child.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    child = os.fork()
    if child == 0:
        _work_under_limits(work, writing)
    answer, ended = b"", False
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writing)
        answer, ended = _read_until(time.monotonic() + SECONDS, reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)  # a child that has ended stays there until it is waited for
        os.waitpid(child, 0)
    if not ended:
        raise ConfigError(f"{path}: not evaluated in {SECONDS:g} s; look for a function that calls itself without end")
    if not answer:
        raise ConfigError(f"{path}: not evaluated in {MEMORY / 2**30:g} GiB of memory; make what it builds smaller")
    return answer[:1] == b"=", answer[1:].decode("utf-8", "surrogatepass")


def _read_until(deadline: float, reading: int) -> tuple[bytes, bool]:
    """What is read before the deadline, and whether that is all."""
    poll, parts = select.poll(), [b""]
    poll.register(reading, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        parts.append(os.read(reading, 2**16))
        if not parts[-1]:
            return b"".join(parts), True
    return b"", False


def _work_under_limits(work: Callable[[], tuple[bool, str]], writing: int) -> NoReturn:
    """Write the work's answer, or nothing where a limit was met, and end the process."""
    import resource  # noqa: PLC0415  (Windows has none)

    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the C++ library reports there that memory is lacking
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1,) * 2)  # should the parent be killed
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError, ValueError):  # not everywhere, and not above a limit that is set already
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most, hard = pages * resource.getpagesize() + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        whole, text = work()
        answer = (b"=" if whole else b"!") + text.encode("utf-8", "surrogatepass")
        while answer:
            answer = answer[os.write(writing, answer) :]
    finally:
        os._exit(0)


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
