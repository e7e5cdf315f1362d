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


def variables(text: str) -> list[str]:
    """The names of a file's top-level arguments; none when the file is not a function."""
    tokens, depth = _tokens(text), 0
    for i, token in enumerate(tokens):
        depth += _step(token)
        if token["word"] == "function" and depth == 0 and _ends_bindings(tokens[:i]):
            return _argument_names(tokens[i + 1 :])
    return []


def import_cycle(path: Path, above: tuple[Path, ...] = ()) -> list[Path] | None:
    """The files of an import cycle that starts at a file, the first repeated at the end; None if there is none."""
    if path in above:
        return [*above[above.index(path) :], path]
    cycles = (import_cycle(imported, (*above, path)) for imported in _imports(path))
    return next((cycle for cycle in cycles if cycle is not None), None)


def _tokens(text: str) -> _Tokens:
    return [token for token in _TOKEN.finditer(text) if token.lastgroup != "skip"]


def _step(token: re.Match[str]) -> int:
    return {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token["mark"], 0)


def _ends_bindings(before: _Tokens) -> bool:
    """Whether what stands before is nothing, or local bindings that a semicolon ends."""
    return not before or before[-1]["mark"] == ";"


def _argument_names(tokens: _Tokens) -> list[str]:
    names, depth = [], 0
    for before, token in pairwise(tokens):
        depth += _step(before)
        if depth == 0:
            break
        if depth == 1 and before["mark"] in ("(", ",") and token["word"]:
            names.append(token["word"])
    return names


def _imports(path: Path) -> list[Path]:
    tokens = _tokens(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
    named = [after["string"] for word, after in pairwise(tokens) if word["word"] == "import"]
    return [path.parent / name.strip("@\"'") for name in named if name]
