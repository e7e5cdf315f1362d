"""The lines of a brat .ann file (Stenetorp et al. 2012)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from relx.data.json_validation import shown
from relx.errors import DataError, Faults
from relx.utils.files import text_lines

# The meaning of the first letter of a line, for annotations that an Example cannot hold.
SKIPPED = {
    "*": "equivalences", "E": "events", "A": "attributes", "M": "attributes", "N": "normalizations", "#": "notes",
}  # fmt: skip
RELATIONS_OF_EVENTS, SURPLUS = "relations of events", "words behind those of a mention"

HEAD, TAIL = "Arg1", "Arg2"

NOTE, SCORE = "AnnotatorNotes", "score"
"""A note of this type with this word and a number is the score of what it refers to."""

_SCORE_NOTE = re.compile(rf"#\S*\t{NOTE} ([TR]\S*)\t{SCORE} ([-+0-9.eE]+)\s*")
_PLACES = re.compile(r"\d{1,18} \d{1,18}(?:;\d{1,18} \d{1,18})*")
_ARGUMENT = re.compile(r"([^\s:]+):(\S+)")


class Mention(NamedTuple):
    """A mention by the characters of its document; with several fragments if other words separate them."""

    type: str
    fragments: list[tuple[int, int]]
    text: str
    line: int


class Link(NamedTuple):
    """A relation, by its own name, between the mentions of two names."""

    name: str
    type: str
    head: str
    tail: str
    line: int


@dataclass
class Annotations:
    """What an .ann file says, its mentions by name; ``skipped`` has the numbers of the lines of each other kind.

    ``scores`` are those that notes give to mentions and relations, by name.
    """

    mentions: dict[str, Mention] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    skipped: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def read_annotations(path: Path, text: str) -> Annotations:
    """Return the annotations of a document. Raises DataError for all bad lines, each with its ``file:line``."""
    found, faults = Annotations(), Faults()
    links: list[Link] = []
    for number, line in text_lines(path, faults.add):
        where, line = f"{path}:{number}", line.rstrip("\r\n")
        with faults.gathered():
            if line.startswith("T"):
                name, mention, is_all = _mention(line, text, number, where)
                found.skipped[SURPLUS] += [] if is_all else [number]
                if found.mentions.setdefault(name, mention) is not mention:
                    raise DataError(f"{where}: {name} is already the name of a mention above")
            elif line.startswith("R"):
                links.append(_link(line, number, where))
            elif (note := _SCORE_NOTE.fullmatch(line)) and (score := _number(note[2])) is not None:
                found.scores[note[1]] = score
            elif line.strip():
                found.skipped[_kind(line, where)].append(number)
    faults.raise_any()  # a bad line may be the one that a relation refers to
    for link in links:  # a relation may be above its mentions
        with faults.gathered():
            if _joins_mentions(link, found, f"{path}:{link.line}"):
                found.links.append(link)
    faults.raise_any()
    return found


def _mention(line: str, text: str, number: int, where: str) -> tuple[str, Mention, bool]:
    """Return the name and the mention of a line, and whether the line ends with the mention's words.

    As in brat, the words of the text follow the offsets; the words of several fragments are joined by a space (by
    nothing before brat 1.3). Like brat, the function fills in missing words and accepts further words after them.
    """
    name, *cells = line.split("\t", 2)
    type, _, places = cells[0].strip().partition(" ") if cells else ("", "", "")
    if not type or not _PLACES.fullmatch(places):
        raise DataError(f"{where}: expected T1 <tab> type start end <tab> words, got {shown(line)}")
    pairs = [(int(start), int(end)) for start, end in (place.split() for place in places.split(";"))]
    fragments = [_visible(text, *pair, where) for pair in pairs]
    given = cells[1] if len(cells) > 1 else ""
    words = " ".join(text[start:end] for start, end in fragments)
    if not _says(given, [text[start:end] for start, end in pairs]):
        hint = _other_count(given, text, pairs)
        raise DataError(f"{where}: the mention is {shown(given)}, but the text has {shown(words)} at {places}{hint}")
    mention = Mention(type, _joined(fragments, text), " ".join(words.split()), number)
    return name, mention, len(given.split()) <= len(words.split())


def _says(given: str, fragments: Sequence[str]) -> bool:
    """Whether the words of a line are those of its fragments, or none; blanks do not matter."""
    own = given.split()
    for joint in (" ", ""):
        words = joint.join(fragments).split()
        if own[: len(words)] == words:
            return True
    return not own


def _other_count(given: str, text: str, pairs: Sequence[tuple[int, int]]) -> str:
    """Return the hint to add to a message about wrong words if the offsets count another unit than characters."""
    line_ends = text.replace("\r\n", "\n")
    if line_ends != text and _says(given, [line_ends[start:end] for start, end in pairs]):
        return '; the places fit if a line end of Windows ("\\r\\n") counts as one: use "\\n" in the .txt file'
    for what, encoding, size in (("bytes of UTF-8", "utf-8", 1), ("units of UTF-16", "utf-16-le", 2)):
        encoded = text.encode(encoding, "surrogatepass")
        parts = [encoded[size * start : size * end].decode(encoding, "replace") for start, end in pairs]
        if _says(given, parts):
            return f"; the places fit if they count {what}; brat's count characters"
    return ""


def _visible(text: str, start: int, end: int, where: str) -> tuple[int, int]:
    """Return the span of a fragment without the blanks around it."""
    if not start < end <= len(text):
        raise DataError(f"{where}: expected start < end <= {len(text)} (characters of the text), got {start}, {end}")
    words = text[start:end]
    if not words.strip():
        raise DataError(f"{where}: there is no visible character at {start} to {end}")
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


def _link(line: str, number: int, where: str) -> Link:
    """Return the relation of a line; arguments not named Arg1 and Arg2 (in any case) are head and tail in order."""
    name, *cells = line.split("\t")
    type, *arguments = cells[0].split() if cells else [""]
    named = {match[1].capitalize(): match[2] for match in map(_ARGUMENT.fullmatch, arguments) if match}
    if len(arguments) != 2 or len(named) != 2:
        raise DataError(f"{where}: expected R1 <tab> type Arg1:T1 Arg2:T2, got {shown(line)}")
    head, tail = (named[HEAD], named[TAIL]) if named.keys() == {HEAD, TAIL} else named.values()
    return Link(name, type, head, tail, number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _joins_mentions(link: Link, found: Annotations, where: str) -> bool:
    """Whether both arguments are mentions; a relation of events is skipped."""
    arguments = (link.head, link.tail)
    if any(name.startswith("E") for name in arguments):
        found.skipped[RELATIONS_OF_EVENTS].append(link.line)
        return False
    for name in arguments:
        if name not in found.mentions:
            raise DataError(f"{where}: this file has no mention {name}")
    return True


def _kind(line: str, where: str) -> str:
    if line[0] not in SKIPPED:
        raise DataError(f"{where}: expected a line that begins with T, R or {', '.join(SKIPPED)}, got {shown(line)}")
    return SKIPPED[line[0]]
