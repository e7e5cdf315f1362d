"""Text as it can be shown: on one line, in a table, as JSON, on a stream of any encoding."""

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

# Control characters, halves of surrogate pairs, ends of lines and paragraphs, and marks that reverse the order of what
# follows: they break a line, steer a terminal, or show a text as another one.
_UNSHOWN = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_BREAKS_LINE = re.compile(f"[\x00-\x1f{_UNSHOWN}]")
_BREAKS_JSON = re.compile(f"[{_UNSHOWN}]")
_STEERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

LONGEST_NAME = 80


def printable(text: str, longest: int | None = None) -> str:
    r"""Return the text on one line: an escape such as ``\n`` replaces each character that cannot be shown.

    A text of more than ``longest`` characters is cut and ends in ``...``. Text that comes from data or from an archive
    goes through this before it enters a message.
    """
    if longest is not None and len(text) > longest:
        text = text[:longest] + "..."
    return _BREAKS_LINE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Return a text of several lines with each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def without_terminal_codes(text: str) -> str:
    """Return the text with an escape for each character that steers a terminal, except blanks and line ends."""
    return _STEERS.sub(_escape, text)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON that UTF-8 can hold and a terminal can show; reading it gives the value back."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _BREAKS_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object: the ``object_pairs_hook`` that raises ValueError for a key that occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        again = next(name for name, count in names.items() if count > 1)
        raise ValueError(f"key {printable(repr(again), LONGEST_NAME)} occurs twice in one object")
    return found


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 triple" and "2,092 entities"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return names as a table shows them, no two of which look alike.

    A name with blanks at an end is quoted. Long names are cut. Names that would look alike, such as ``a`` and
    ``a`` with an invisible character, are shown as Python writes them.
    """
    names = list(names)
    shown = [printable(name, LONGEST_NAME) if name and name == name.strip() else _quoted(name) for name in names]
    looks = [_look(name) for name in shown]
    count = Counter(looks)
    return [text if count[look] == 1 else ascii(name) for name, text, look in zip(names, shown, looks, strict=True)]


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return the rows of a table as lines: the first ``left`` columns flush left, the others flush right.

    Cells are made printable, as far as standard output can encode them; wide and combining characters count as the
    columns that they take on a terminal.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    cells = [[encodable(printable(cell), encoding) for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(cell, widths[i], i < left) for i, cell in enumerate(row)) for row in cells]


def display_width(text: str) -> int:
    """Return the number of terminal columns that a printable text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def encodable(text: str, encoding: str) -> str:
    """Return the text with an escape for each character that the encoding lacks."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _escape(match: re.Match[str]) -> str:
    return repr(match[0])[1:-1]


def _quoted(name: str) -> str:
    return f"'{printable(name, LONGEST_NAME)}'"


def _look(shown: str) -> str:
    """Return what two names have in common if a reader takes them for one."""
    visible = (
        " " if c.isspace() else c for c in unicodedata.normalize("NFC", shown) if unicodedata.category(c) != "Cf"
    )
    return "".join(visible)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(cell: str, width: int, left: bool) -> str:
    space = " " * (width - display_width(cell))
    return cell + space if left else space + cell
