"""HTML for notebooks: tables without style sheets or scripts, in which every text is escaped."""

import html
from collections.abc import Iterable, Sequence

from relx.utils.text import printable


def text(value: str) -> str:
    r"""Escape a text of any origin. Characters that reverse or hide text become escapes such as ``\u202e``."""
    return html.escape(printable(value))


def table(rows: Iterable[Sequence[str]], caption: str | None = None) -> str:
    """Return a table with the first row as its header."""
    header, *body = [[text(cell) for cell in row] for row in rows]
    title = "" if caption is None else f"<caption>{text(caption)}</caption>"
    head = "".join(f"<th>{cell}</th>" for cell in header)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
