"""What Jsonnet does not tell about a file, read from its text: the names of its variables, the files it imports."""

import re
from itertools import pairwise
from pathlib import Path

# Strings and comments come first, so that nothing inside them is taken for code.
_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<string>\|\|\|.*?\|\|\||@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<word>[A-Za-z_]\w*)|(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_Tokens = list[re.Match[str]]


def variables(path: Path) -> list[str]:
    """The names of a file's top-level arguments; none when the file is not a function.

    The function may be one that the file imports (``import 'x'``), or that an imported one gives when it is called
    (``(import 'x')(...)``).
    """
    return _variables(_read(path), path.parent, calls=0)


def import_cycle(path: Path, above: tuple[Path, ...] = ()) -> list[Path] | None:
    """The files of an import cycle that starts at a file, the first repeated at the end; None if there is none."""
    if path in above:
        return [*above[above.index(path) :], path]
    cycles = (import_cycle(imported, (*above, path)) for imported in _imports(path))
    return next((cycle for cycle in cycles if cycle is not None), None)


def _read(path: Path) -> _Tokens:
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
    return [token for token in _TOKEN.finditer(text) if token.lastgroup != "skip"]


def _variables(tokens: _Tokens, folder: Path, calls: int) -> list[str]:
    """The parameters of the function that remains after so many calls of what the tokens stand for."""
    result = _result(tokens)
    if not result:
        return []
    if result[0]["word"] == "function":
        end = _group_end(result[1:]) + 1
        return _variables(result[end:], folder, calls - 1) if calls else _argument_names(result[1:end])
    called = result[0]["mark"] == "("
    imported = folder / _file_named(result[called + 1])
    return _variables(_read(imported), imported.parent, calls + (_calls(result[called + 3 :]) if called else 0))


def _result(tokens: _Tokens) -> _Tokens:
    """What follows the local bindings, if it is a function or an import; else nothing."""
    depth = 0
    for i, token in enumerate(tokens):
        begins = i == 0 or tokens[i - 1]["mark"] == ";"
        if depth == 0 and begins and (token["word"] == "function" or _is_import(tokens[i:])):
            return tokens[i:]
        depth += _step(token)
    return []


def _is_import(tokens: _Tokens) -> bool:
    """Whether the tokens begin with ``import 'x'`` or ``(import 'x')``."""
    bare = tokens[1:] if tokens[0]["mark"] == "(" else tokens
    ends = bare is tokens or (len(bare) > 2 and bare[2]["mark"] == ")")
    return len(bare) > 1 and bare[0]["word"] == "import" and bare[1]["string"] is not None and ends


def _calls(tokens: _Tokens) -> int:
    """How many groups of parentheses the tokens begin with."""
    if not tokens or tokens[0]["mark"] != "(":
        return 0
    return 1 + _calls(tokens[_group_end(tokens) :])


def _group_end(tokens: _Tokens) -> int:
    """How many tokens there are up to the end of the group that the first one opens."""
    depth = 0
    for number, token in enumerate(tokens, 1):
        depth += _step(token)
        if depth == 0:
            return number
    return len(tokens)


def _step(token: re.Match[str]) -> int:
    return {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token["mark"], 0)


def _argument_names(tokens: _Tokens) -> list[str]:
    names, depth = [], 0
    for before, token in pairwise(tokens):
        depth += _step(before)
        if depth == 1 and before["mark"] in ("(", ",") and token["word"]:
            names.append(token["word"])
    return names


def _file_named(token: re.Match[str]) -> str:
    return token["string"].strip("@\"'")


def _imports(path: Path) -> list[Path]:
    pairs = pairwise(_read(path))
    return [path.parent / _file_named(name) for word, name in pairs if word["word"] == "import" and name["string"]]
