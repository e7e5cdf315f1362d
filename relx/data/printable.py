"""Text as it can be shown on one line of a terminal or a file."""

import unicodedata

# Control characters, halves of surrogate pairs, ends of lines and paragraphs: they break the line, or the terminal.
_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}


def printable(line: str) -> str:
    """The same text, with an escape such as ``\\n`` in place of each character that cannot be shown."""
    return "".join(repr(c)[1:-1] if unicodedata.category(c) in _UNSHOWN else c for c in line)
