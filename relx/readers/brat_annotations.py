"""The lines of a brat .ann file (Stenetorp et al. 2012)."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from relx.data.fields import shown
from relx.errors import DataError
from relx.files import text_lines

# What each first letter of a line stands for, where that has no place in an Example.
SKIPPED = {
    "*": "equivalences", "E": "events", "A": "attributes", "M": "attributes", "N": "normalizations", "#": "notes",
}  # fmt: skip
RELATIONS_OF_EVENTS = "relations of events"

HEAD, TAIL = "Arg1", "Arg2"

_PLACES = re.compile(r"\d+ \d+(?:;\d+ \d+)*")
_ARGUMENT = re.compile(r"([^\s:]+):(\S+)")


class Mention(NamedTuple):
    """A mention by the characters of its document; of several fragments if other words stand between."""

    type: str
    fragments: list[tuple[int, int]]
    text: str


class Link(NamedTuple):
    """A relation between the mentions of two names."""

    type: str
    head: str
    tail: str


@dataclass
class Annotations:
    """What an .ann file says, its mentions by name; ``skipped`` counts the lines of other kinds."""

    mentions: dict[str, Mention] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read_annotations(path: Path, text: str) -> Annotations:
    """The annotations of a document. Raises DataError, with ``file:line``, for a bad line."""
    found = Annotations()
    links: list[tuple[Link, str]] = []
    for number, line in text_lines(path):
        where, line = f"{path}:{number}", line.rstrip("\r\n")
        if line.startswith("T"):
            name, mention = _mention(line, text, where)
            if found.mentions.setdefault(name, mention) is not mention:
                raise DataError(f"{where}: {name} names a mention above already")
        elif line.startswith("R"):
            links.append((_link(line, where), where))
        elif line.strip():
            found.skipped[_kind(line, where)] += 1
    # A relation may stand above its mentions.
    found.links = [link for link, where in links if _joins_mentions(link, found, where)]
    return found


def _mention(line: str, text: str, where: str) -> tuple[str, Mention]:
    name, *cells = line.split("\t")
    type, _, places = cells[0].partition(" ") if cells else ("", "", "")
    if len(cells) < 2 or not type or not _PLACES.fullmatch(places):
        raise DataError(f"{where}: expected T1 <tab> type start end <tab> words, got {shown(line)}")
    fragments = [_visible(text, place, where) for place in places.split(";")]
    words = " ".join(text[start:end] for start, end in fragments)
    if words.split() != cells[1].split():
        raise DataError(f"{where}: the mention is {shown(cells[1])}, but the text has {shown(words)} at {places}")
    return name, Mention(type, _joined(fragments, text), " ".join(cells[1].split()))


def _visible(text: str, place: str, where: str) -> tuple[int, int]:
    """A fragment without the blanks around it."""
    start, end = map(int, place.split())
    if not start < end <= len(text):
        raise DataError(f"{where}: expected start < end <= {len(text)} (characters of the text), got {start}, {end}")
    words = text[start:end]
    if not words.strip():
        raise DataError(f"{where}: no visible character stands at {start} to {end}")
    return start + len(words) - len(words.lstrip()), start + len(words.rstrip())


def _joined(fragments: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Fragments as one where only blanks part them: so brat writes a mention that goes over the end of a line."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(fragments):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _link(line: str, where: str) -> Link:
    """The relation of a line; arguments not named Arg1 and Arg2 (in any case) stand in the order head, tail."""
    cells = line.split("\t")
    type, *arguments = cells[1].split() if len(cells) > 1 else [""]
    named = {match[1].capitalize(): match[2] for match in map(_ARGUMENT.fullmatch, arguments) if match}
    if len(arguments) != 2 or len(named) != 2:
        raise DataError(f"{where}: expected R1 <tab> type Arg1:T1 Arg2:T2, got {shown(line)}")
    head, tail = (named[HEAD], named[TAIL]) if named.keys() == {HEAD, TAIL} else named.values()
    return Link(type, head, tail)


def _joins_mentions(link: Link, found: Annotations, where: str) -> bool:
    """Whether both arguments are mentions; a relation of events is skipped."""
    arguments = (link.head, link.tail)
    if any(name.startswith("E") for name in arguments):
        found.skipped[RELATIONS_OF_EVENTS] += 1
        return False
    for name in arguments:
        if name not in found.mentions:
            raise DataError(f"{where}: {name} is no mention of this file")
    return True


def _kind(line: str, where: str) -> str:
    if line[0] not in SKIPPED:
        raise DataError(f"{where}: expected a line that begins with T, R or {', '.join(SKIPPED)}, got {shown(line)}")
    return SKIPPED[line[0]]
