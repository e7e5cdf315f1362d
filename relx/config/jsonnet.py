"""Experiment files: Jsonnet or JSON text to a tree of plain values."""

import json
import math
import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NoReturn

from relx.config import bundled, renamed
from relx.errors import ConfigError
from relx.registry import suggestion
from relx.utils.text import json_text, unique_keys

MAX_DEPTH = 100
# What the evaluation of a file may take; the published experiments take milliseconds.
SECONDS = 60.0
MEMORY = 2**30
TRACES = 2**24
_MARK = "relx reads this variable"
_READ = re.compile(rf"TRACE: tla:(\w+):\d+ {_MARK}\n")
_UNKNOWN = re.compile(r"RUNTIME ERROR: function has no parameter (\w+)")
_PLACE = re.compile(r"(?!std\.jsonnet:)(?P<file>.*?):\(?(?P<line>\d+):(?P<column>\d+)")


def load(path: str | Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Evaluate an experiment file, or the experiment of that name that comes with relx.

    ``variables`` are the top-level arguments of a Jsonnet file that is a function: JSON where they parse as JSON, else
    strings. Raises ConfigError with file and line for anything that cannot be read, for unknown variables, for
    variables without a value, and for a result that is not an object.
    """
    path, variables = bundled.resolve(path), dict(variables or {})
    text = _read(path)
    if path.suffix == ".json":
        if variables:
            raise ConfigError(f"{path}: a .json file takes no variables; only a Jsonnet function has them")
        tree = _parse(text, path)
    else:
        tree = _parse(_evaluate(path, text, variables), path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: an experiment is an object, this is {json_text(tree)[:60]}")
    return tree


def parse_value(text: str) -> Any:
    """Return a value from the command line: JSON if it parses, else the string itself."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return text


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        names = [experiment.name for experiment in bundled.experiments()]
        hint = suggestion(str(path), names) if path.name == str(path) else ""
        raise ConfigError(f"{path}: no such experiment file{hint}") from None
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
        text, parse_constant=_number, parse_float=_number, parse_int=_number, object_pairs_hook=unique_keys
    )


def _number(text: str) -> int | float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a number that JSON can hold")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _limit_depth(tree: Any) -> None:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
    if level:
        raise RecursionError


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def _evaluate(path: Path, text: str, variables: Mapping[str, str]) -> str:
    """Return the value of a file as JSON. Raises one ConfigError that names all unknown or unused variables."""
    import _jsonnet  # noqa: F401, PLC0415  (a .json experiment needs none; each child has it then)

    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path}:{line}: holds a NUL character; write it as \\u0000 if it is meant")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{path}: Jsonnet takes UTF-8 file names only; rename this file or its folder") from None
    codes = {name: json.dumps(parse_value(value)) for name, value in variables.items()}
    unknown = set()
    result = _evaluate_in_child(path, text, codes)
    while (found := _UNKNOWN.match(result.error)) and found[1] in codes:
        unknown.add(found[1])
        del codes[found[1]]
        result = _evaluate_in_child(path, text, codes)
    if variables and not result.is_function:
        raise ConfigError(f"{path}: takes no variables (it is not a function); remove {', '.join(variables)}")
    if unknown:
        raise ConfigError(f"{path}: {_unknown_variables([n for n in variables if n in unknown], variables_of(path))}")
    if result.error:
        raise ConfigError(_explain(path, result.error))
    if unused := [name for name in codes if name not in result.read]:
        raise ConfigError(f"{path}: {_unused_variables(unused)}")
    return result.json


@dataclass
class _Evaluation:
    """What Jsonnet gives for a file: JSON or else an error, and the variables that it read."""

    json: str = ""
    error: str = ""
    read: list[str] = field(default_factory=list)
    is_function: bool = True


def _evaluate_in_child(path: Path, text: str, codes: dict[str, str]) -> _Evaluation:
    return _Evaluation(**json.loads(_in_child(lambda: json.dumps(_evaluation(path, text, codes)), path)))


def _evaluation(path: Path, text: str, codes: dict[str, str]) -> dict[str, Any]:
    """Return the fields of an _Evaluation.

    Jsonnet evaluates a variable only when something reads it. Each variable is therefore bound to an expression that
    reports itself on standard error and then evaluates to the variable's value.
    """
    import _jsonnet  # noqa: PLC0415

    reporting = {name: f"std.trace('{_MARK}', {code})" for name, code in codes.items()}
    found: dict[str, Any] = {}
    with _standard_error() as lines:
        try:
            found["json"] = _jsonnet.evaluate_snippet(
                str(path), text, tla_codes=reporting, jpathdir=str(bundled.FOLDER)
            )
        except RuntimeError as error:
            found["error"] = str(error)
    found["read"] = [match[1] for match in map(_READ.match, lines) if match]
    if codes and not found["read"]:  # Jsonnet does not object to variables of what is no function
        with suppress(RuntimeError):
            asked = f"std.isFunction(\n{text}\n)"
            function = _jsonnet.evaluate_snippet(str(path), asked, jpathdir=str(bundled.FOLDER))
            found["is_function"] = function.strip() == "true"
    return found


@contextmanager
def _standard_error() -> Iterator[list[str]]:
    """Collect the lines that the Jsonnet library writes to standard error; they are in the list after the block."""
    lines: list[str] = []
    own = os.dup(2)
    with _file_without_name() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(own, 2)
            os.close(own)
        file.seek(0)
        lines += [line.decode("utf-8", "replace") for line in file]


def _file_without_name() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("relx"), "w+b")
    import tempfile  # noqa: PLC0415

    return tempfile.TemporaryFile()


def _in_child(work: Callable[[], str], path: Path) -> str:
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
        raise ConfigError(f"{path}: not evaluated in {SECONDS:g} s; look for an endless recursion")
    if not answer:
        raise ConfigError(f"{path}: not evaluated in {MEMORY / 2**30:g} GiB of memory; make its result smaller")
    return answer.decode("utf-8", "surrogatepass")


def _read_until(deadline: float, reading: int) -> tuple[bytes, bool]:
    """Return the bytes read and whether they are complete; without an end before the deadline, return none."""
    poll, parts = select.poll(), [b""]
    poll.register(reading, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        parts.append(os.read(reading, 2**16))
        if not parts[-1]:
            return b"".join(parts), True
    return b"", False


def _work_under_limits(work: Callable[[], str], writing: int) -> NoReturn:
    """Write the work's answer, or nothing where a limit was met, and end the process."""
    import resource  # noqa: PLC0415  (Windows has none)

    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the C++ library reports there that memory is lacking
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1,) * 2)  # should the parent be killed
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (TRACES, TRACES))  # what the file itself writes by std.trace
        with suppress(OSError, ValueError):  # not everywhere, and not above a limit that is set already
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most, hard = pages * resource.getpagesize() + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        answer = work().encode("utf-8", "surrogatepass")
        while answer:
            answer = answer[os.write(writing, answer) :]
    finally:
        os._exit(0)


def _explain(path: Path, trace: str) -> str:
    """Return Jsonnet's message after its place; explain unbound variables and import cycles.

    An error that an imported file raises itself (``error '...'``) is meant for that file's user. Its message therefore
    starts with the user's file.
    """
    message, *frames = trace.strip().split("\n\t")
    message = re.sub(r"^(RUNTIME|STATIC) ERROR: ", "", message)
    if frames and frames[0].strip() == "Top-level function":
        unbound = re.match(r"function parameter (\w+) not bound", message)
        needed = (
            f"the variable {unbound[1]!r} has no default; give it with --var {unbound[1]}=VALUE" if unbound else None
        )
        return f"{path}: {needed or message}"
    if message.startswith("max stack frames") and (cycle := import_cycle(path)):
        return f"{path}: import cycle: {' -> '.join(map(str, cycle))}"
    if _PLACE.match(message):
        return message
    place = next((frame.split("\t")[0] for frame in frames if _PLACE.match(frame)), str(path))
    return f"{path if _raised_by_import(place, path) else place}: {message}"


def _raised_by_import(place: str, path: Path) -> bool:
    """Return whether the place is an ``error`` expression in another file than ``path``."""
    found = _PLACE.match(place)
    if found is None or found["file"] == str(path) or not Path(found["file"]).is_file():
        return False
    line = Path(found["file"]).read_text(encoding="utf-8", errors="replace").splitlines()[int(found["line"]) - 1]
    return line[int(found["column"]) - 1 :].startswith("error ")


def _unknown_variables(unknown: list[str], known: list[str]) -> str:
    messages = []
    for name in unknown:
        new = renamed.new_name(name, renamed.VARIABLES, known)
        messages.append(
            f"the variable {name!r} is now called {new!r}" if new else f"no variable {name!r}{suggestion(name, known)}"
        )
    listed = f"its variables: {', '.join(known)}"
    if len(messages) > 1:
        return "\n  ".join([f"{len(messages)} problems with the variables", *messages, *([listed] if known else [])])
    if not known:
        return messages[0]
    return f"{messages[0]} I{listed[1:]}" if messages[0].endswith("?") else f"{messages[0]}; {listed}"


def _unused_variables(names: list[str]) -> str:
    """Say that variables have no effect, as in an ablation of a part that another variable removes."""
    listed = " and ".join([", ".join(map(repr, names[:-1])), repr(names[-1])]) if names[1:] else repr(names[0])
    plural = len(names) > 1
    return (
        f"the {'variables' if plural else 'variable'} {listed} {'have' if plural else 'has'} no effect, "
        f"because nothing reads {'them' if plural else 'it'} with these values of the others; "
        f"remove {'them' if plural else 'it'}"
    )


# Jsonnet gives neither the names of a file's variables nor the files that it imports, so they are read from the text.
# Strings and comments come first, so that nothing inside them is taken for code.
_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<string>\|\|\|.*?\|\|\||@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<word>[A-Za-z_]\w*)|(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_Tokens = list[re.Match[str]]


def variables_of(path: Path) -> list[str]:
    """Return the names of a file's variables, for messages; none if the file is no function.

    The function may be one that the file imports (``import 'x'``).
    """
    result = _result(_tokens(path))
    if not result:
        return []
    if result[0]["word"] == "function":
        return _argument_names(result[1:])
    return variables_of(_imported(path, result[1]))


def import_cycle(path: Path, above: tuple[Path, ...] = ()) -> list[Path] | None:
    """Return the files of an import cycle that starts at a file, with the first again at the end, or None."""
    if path in above:
        return [*above[above.index(path) :], path]
    cycles = (import_cycle(imported, (*above, path)) for imported in _imports(path))
    return next((cycle for cycle in cycles if cycle is not None), None)


def _tokens(path: Path) -> _Tokens:
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
    return [token for token in _TOKEN.finditer(text) if token.lastgroup != "skip"]


def _result(tokens: _Tokens) -> _Tokens:
    """Return what follows the local bindings, if it is a function or an import; else nothing."""
    depth = 0
    for i, token in enumerate(tokens):
        begins = i == 0 or tokens[i - 1]["mark"] == ";"
        if depth == 0 and begins and (token["word"] == "function" or _is_import(tokens[i:])):
            return tokens[i:]
        depth += _step(token)
    return []


def _is_import(tokens: _Tokens) -> bool:
    return len(tokens) == 2 and tokens[0]["word"] == "import" and tokens[1]["string"] is not None


def _step(token: re.Match[str]) -> int:
    return {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token["mark"], 0)


def _argument_names(tokens: _Tokens) -> list[str]:
    names, depth = [], 0
    for before, token in pairwise(tokens):
        depth += _step(before)
        if depth == 0:
            break
        if depth == 1 and before["mark"] in ("(", ",") and token["word"]:
            names.append(token["word"])
    return names


def _imported(path: Path, name: re.Match[str]) -> Path:
    """Return the file that an import in ``path`` names: beside it, or else among the files that come with relx."""
    file = path.parent / name["string"].strip("@\"'")
    return file if file.exists() else bundled.FOLDER / name["string"].strip("@\"'")


def _imports(path: Path) -> list[Path]:
    pairs = pairwise(_tokens(path))
    return [_imported(path, name) for word, name in pairs if word["word"] == "import" and name["string"]]
