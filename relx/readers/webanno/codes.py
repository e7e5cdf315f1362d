"""How WebAnno TSV 3 writes texts, values and places: escapes, and offsets in units of UTF-16."""

import re
from itertools import accumulate

FORMAT = "#FORMAT=WebAnno TSV "
SPANS, CHAINS, RELATIONS = "#T_SP=", "#T_CH=", "#T_RL="
TEXT, SENTENCE_ID = "#Text=", "#Sentence.id="
BASE = "BT_"
NOTHING, NO_VALUE, STACK = "_", "*", "|"

_STACKED = re.compile(r"(?<!\\)\|")
_VALUE = re.compile(r"->|[\\\[\]|_;\t\n*]")
_VALUE_ESCAPED = re.compile(r"\\(->|[\\\[\]|_;tn*])")
_CONTROLS = "".join(map(chr, [*range(8), *range(14, 32)]))
_LETTERS = {"\t": "t", "\n": "n", "\f": "f", "\r": "r", "\b": "b", "\\": "\\"}
_PLAIN = {letter: character for character, letter in _LETTERS.items()}
_TEXT = re.compile(f"[{re.escape(_CONTROLS + ''.join(_LETTERS))}]")
_TEXT_ESCAPED = re.compile(rf"\\([{re.escape(_CONTROLS)}tnfrb\\])")


def escaped_value(value: str) -> str:
    """Return a label as a cell holds it."""
    return _VALUE.sub(lambda match: "\\" + {"\t": "t", "\n": "n"}.get(match[0], match[0]), value)


def plain_value(cell: str) -> str:
    """Return the label that a cell holds."""
    return _VALUE_ESCAPED.sub(lambda match: {"t": "\t", "n": "\n"}.get(match[1], match[1]), cell)


def escaped_text(text: str) -> str:
    """Return a line of text, a word or an id as a line holds it."""
    return _TEXT.sub(lambda match: "\\" + _LETTERS.get(match[0], match[0]), text)


def plain_text(line: str) -> str:
    """Return the text that a line holds."""
    return _TEXT_ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[1]), line)


def units(text: str) -> list[int]:
    """Return, for each character of a text and for its end, the number of units of UTF-16 before it."""
    return [0, *accumulate(1 + (character > "\uffff") for character in text)]


def stack(cell: str) -> list[str]:
    """Return the annotations that a cell stacks."""
    return [] if cell == NOTHING else _STACKED.split(cell)
