"""A sentence as a picture: its words, a colored box with its type around each mention, an arc for each relation.

The picture is SVG of its own: it needs no script, no font file and no network. Colors are CSS variables that follow the
light or dark setting of the reader. Put ``STYLE`` once into a page that holds many pictures.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

from relx.utils import html
from relx.utils.text import display_width, printable

WIDTH = 760
SIZE, SMALL = 14, 10  # of the letters of the words and of the labels, in pixels
ABOVE, BELOW = 18, 15  # height of a level of arcs, and of a level of types
LETTERS = 20  # height of a line of words
PAD = 3  # between a box and its words
ROUND = 4
LONGEST_WORD, LONGEST_LABEL, LONGEST_TITLE = 60, 40, 1000
COLORS = 8
MOST_LINES = 4

# Widths of the letters from " " to "~" in thousandths of their height: Helvetica, Arial and Liberation Sans.
_ASCII = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
)
_WIDTHS = {chr(32 + i): int(width) for i, width in enumerate(_ASCII.split())}
_BY_COLUMNS = (0, 600, 1000)

STYLE = """
.relx-drawing{--relx-0:#1f6fb2;--relx-1:#a8500f;--relx-2:#2b7a3d;--relx-3:#8e3a9d;--relx-4:#a61e4d;--relx-5:#0b7285;
--relx-6:#756000;--relx-7:#5f4bb6;--relx-missed:#c01f2f;--relx-spurious:#b85000;--relx-faint:#707070;
max-width:100%;height:auto}
@media(prefers-color-scheme:dark){.relx-drawing{--relx-0:#6cb2f0;--relx-1:#f0a067;--relx-2:#6fcf84;--relx-3:#d79be6;
--relx-4:#f2839f;--relx-5:#5fc9d8;--relx-6:#d6bb4a;--relx-7:#a99cf5;--relx-missed:#ff8080;--relx-spurious:#ffa94d;
--relx-faint:#9a9a9a}}
.relx-drawing text{font:14px Helvetica,Arial,'Liberation Sans',sans-serif;fill:currentColor;white-space:pre;
text-anchor:middle}
.relx-drawing .s text,.relx-drawing .a text{font-size:10px}
.relx-drawing.rtl text{direction:rtl;transform-box:fill-box;transform-origin:center;transform:scaleX(-1)}
.relx-drawing path{fill:none;stroke:currentColor}
.relx-drawing rect{fill:var(--c);fill-opacity:.13;stroke:var(--c);stroke-opacity:.55}
.relx-drawing .s text{fill:var(--c)}
.relx-drawing .missed path,.relx-drawing .missed rect{stroke-dasharray:4 3}
.relx-drawing .a.missed path{stroke:var(--relx-missed)}.relx-drawing .a.missed text{fill:var(--relx-missed)}
.relx-drawing .a.spurious path{stroke:var(--relx-spurious);stroke-width:1.7}
.relx-drawing .a.spurious text{fill:var(--relx-spurious)}.relx-drawing .s.spurious rect{stroke-width:1.7}
.relx-drawing .faint path{stroke:var(--relx-faint)}.relx-drawing .a.faint text{fill:var(--relx-faint)}
""" + "".join(f".relx-drawing .c{i}{{--c:var(--relx-{i})}}" for i in range(COLORS))

# A picture by itself has no page that sets the color of the words.
STANDALONE_STYLE = STYLE + "svg{color:#1a1a1a}@media(prefers-color-scheme:dark){svg{color:#e6e6e6}}"


class Span(NamedTuple):
    """A mention: the words from ``start`` to ``end`` (exclusive), its type, and a look: "", "missed" or "spurious"."""

    start: int
    end: int
    label: str
    look: str = ""


class Arc(NamedTuple):
    """A relation from one span to another, by their positions in the list of spans; ``look`` also can be "faint"."""

    head: int
    tail: int
    label: str
    look: str = ""


def draw(
    words: Sequence[str],
    spans: Sequence[Span],
    arcs: Iterable[Arc] = (),
    glued: Iterable[int] = (),
    types: Sequence[str] = (),
    width: int = WIDTH,
    style: str = "",
    numbered: bool = False,
) -> str:
    """Return a sentence as an SVG element.

    ``glued`` are the numbers of the words that follow the word before them without a blank. ``types`` fixes the colors:
    the type at place i has color i modulo 8; the types of the spans that are missing there follow. ``style`` is
    ``STANDALONE_STYLE`` for a picture by itself. A sentence of a script such as Arabic runs from right to left. With
    ``numbered`` the parts of each span and arc have its position in ``data-number``, for scripts of a page.
    """
    order = list(dict.fromkeys([*types, *(span.label for span in spans)]))
    lines = _wrapped(_slots(words, spans, frozenset(glued)), width)
    parts = _parts(lines, spans)
    segments = _segments(list(arcs), [own[0] for own in parts], width)
    parts_of, segments_of = _by_line(part for own in parts for part in own), _by_line(segments)
    shown, top = [], 0
    for line, slots in enumerate(lines):
        _stack(parts_of[line])
        _pile(segments_of[line])
        base = top + 2 + ABOVE * max((segment.level + 1 for segment in segments_of[line]), default=0)
        for part in sorted(parts_of[line], key=lambda part: -part.depth):  # an inner box covers the outer one
            shown.append(_box(part, spans[part.span], order.index(spans[part.span].label) % COLORS, base, numbered))
        shown += _texts(slots, base + SIZE + 1)
        shown += [_path(segment, base, width, numbered) for segment in segments_of[line]]
        top = base + LETTERS + BELOW * max((part.depth + 1 for part in parts_of[line]), default=0) + 8
    frame, inside = f'viewBox="0 0 {width} {top}" width="{width}" height="{top}"', "".join(shown)
    look = "relx-drawing"
    if _reads_from_the_right(words):  # everything is mirrored, and the style mirrors each text once more
        look, inside = f"{look} rtl", f'<g transform="matrix(-1 0 0 1 {width} 0)">{inside}</g>'
    inside = (f"<style>{style}</style>" if style else "") + inside
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="{look}" {frame}>{inside}</svg>'


class _Slot:
    """The place of a word: ``x`` and ``width`` with the room that boxes need on its left and right."""

    def __init__(self, number: int, text: str, gap: float):
        self.number, self.text, self.gap = number, text, gap
        self.own = _text_width(text, SIZE)
        self.left = self.right = self.x = 0.0
        self.line = 0

    @property
    def width(self) -> float:
        return self.left + self.own + self.right


class _Part:
    """The part of a span on one line; ``depth`` counts the boxes inside it."""

    def __init__(self, span: int, first: _Slot, last: _Slot):
        self.span, self.line, self.first, self.last, self.depth = span, first.line, first.number, last.number, 0
        self.left, self.right = first.x, last.x + last.width


class _Segment:
    """The part of an arc on one line, from ``left`` to ``right``; ``level`` counts from the words upwards.

    Each end has a leg unless the arc continues in another line. ``arrow`` is the end with the tail: -1 is left, 1
    is right, 0 is neither.
    """

    def __init__(self, number: int, arc: Arc, line: int, left: float | None, right: float | None, width: int):
        self.number, self.arc, self.line, self.arrow, self.level = number, arc, line, 0, 0
        self.starts, self.ends = left is not None, right is not None
        self.left, self.right = left if left is not None else 0.0, right if right is not None else float(width)
        self.label = _shown(arc.label, LONGEST_LABEL)
        size = _text_width(self.label, SMALL) + 6
        self.label_left = max(0.0, min((self.left + self.right - size) / 2, width - size))
        self.label_right = self.label_left + size

    def reach(self) -> tuple[float, float]:
        """Return the columns that no other segment of the level may use."""
        return min(self.left, self.label_left) - 4, max(self.right, self.label_right) + 4


_OnLine = TypeVar("_OnLine", _Part, _Segment)


def _text_width(text: str, size: int) -> float:
    return sum(_WIDTHS.get(c) or _BY_COLUMNS[display_width(c)] for c in text) * size / 1000


def _shown(text: str, longest: int) -> str:
    """Return a text on one line, cut if it is long, without the characters that XML cannot hold."""
    text = printable(text[: longest + 1]).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _slots(words: Sequence[str], spans: Sequence[Span], glued: frozenset[int]) -> list[_Slot]:
    """Return the place of each word, with room for the types of its mentions. Inner mentions get their room first."""
    blank = _text_width(" ", SIZE)
    slots = [_Slot(i, _shown(word, LONGEST_WORD), 0 if i in glued else blank) for i, word in enumerate(words)]
    for span in sorted(spans, key=lambda span: span.end - span.start):
        inside = slots[span.start : span.end]
        inside[0].left = max(inside[0].left, PAD)
        inside[-1].right = max(inside[-1].right, PAD)
        size = sum(slot.width + slot.gap for slot in inside) - inside[0].gap
        lacking = _text_width(_shown(span.label, LONGEST_LABEL), SMALL) + 2 * PAD - size
        inside[0].left += max(0.0, lacking / 2)
        inside[-1].right += max(0.0, lacking / 2)
    return slots


def _wrapped(slots: Sequence[_Slot], width: int) -> list[list[_Slot]]:
    """Give each word its place on a line."""
    lines: list[list[_Slot]] = [[]]
    for slot in slots:
        before = lines[-1][-1] if lines[-1] else None
        slot.x = before.x + before.width + slot.gap if before is not None else 1.0
        if before is not None and slot.x + slot.width > width - 1:
            lines.append([])
            slot.x = 1.0
        slot.line = len(lines) - 1
        lines[-1].append(slot)
    return lines


def _parts(lines: Sequence[Sequence[_Slot]], spans: Sequence[Span]) -> list[list[_Part]]:
    """Return the parts of each span, one for each line that it is on."""
    slots = [slot for line in lines for slot in line]
    found = []
    for number, span in enumerate(spans):
        of_lines = groupby(slots[span.start : span.end], key=lambda slot: slot.line)
        inside = [list(group) for _, group in of_lines]
        found.append([_Part(number, group[0], group[-1]) for group in inside])
    return found


def _by_line(items: Iterable[_OnLine]) -> defaultdict[int, list[_OnLine]]:
    found: defaultdict[int, list[_OnLine]] = defaultdict(list)
    for item in items:
        found[item.line].append(item)
    return found


def _stack(parts: Sequence[_Part]) -> None:
    """Put the box of each mention of a line around those of the shorter mentions that it shares a word with."""
    done: list[_Part] = []
    for part in sorted(parts, key=lambda part: (part.last - part.first, part.first)):
        within = (other.depth + 1 for other in done if other.first <= part.last and part.first <= other.last)
        part.depth = max(within, default=0)
        done.append(part)


def _pile(segments: Sequence[_Segment]) -> None:
    """Put each arc of a line on the lowest level that has room for it and its label, short arcs first."""
    taken: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: segment.right - segment.left):
        left, right = segment.reach()
        while any(left < end and start < right for start, end in taken[segment.level]):
            segment.level += 1
        taken[segment.level].append((left, right))


def _segments(arcs: Sequence[Arc], first: Sequence[_Part], width: int) -> list[_Segment]:
    """Return the parts of each arc by line. An arc starts and ends at the first part of a span.

    An arc over more than MOST_LINES lines has a part on its first and its last line alone.
    """
    ports = _ports(arcs, first)
    found: list[_Segment] = []
    for number, arc in enumerate(arcs):
        ends = [(first[span].line, ports[number, role], role) for role, span in enumerate((arc.head, arc.tail))]
        (top, left, role), (bottom, right, _) = sorted(ends)
        own = [
            _Segment(number, arc, line, left if line == top else None, right if line == bottom else None, width)
            for line in (range(top, bottom + 1) if bottom - top <= MOST_LINES else (top, bottom))
        ]
        (own[0] if role == 1 else own[-1]).arrow = -1 if role == 1 else 1
        found += own
    return found


def _ports(arcs: Sequence[Arc], first: Sequence[_Part]) -> dict[tuple[int, int], float]:
    """Return the places of each arc's head (0) and tail (1) on their boxes, spread so that the arcs do not cross there.

    Arcs to the left are on the left, the shortest outermost; arcs to the right are on the right.
    """
    at: list[list[tuple[float, tuple[int, int]]]] = [[] for _ in first]

    def place(span: int) -> float:
        part = first[span]
        return 10000 * part.line + (part.left + part.right) / 2

    for number, arc in enumerate(arcs):
        there = place(arc.tail) - place(arc.head) or 0.5
        for role, span, way in ((0, arc.head, there), (1, arc.tail, -there)):
            at[span].append((1 / way, (number, role)))
    found = {}
    for part, ends in zip(first, at, strict=True):
        for i, (_, end) in enumerate(sorted(ends)):
            usable = min(part.right - part.left - 4, 12.0 * len(ends))
            found[end] = (part.left + part.right) / 2 + usable * ((i + 0.5) / len(ends) - 0.5)
    return found


def _box(part: _Part, span: Span, color: int, base: int, numbered: bool) -> str:
    label, height = _shown(span.label, LONGEST_LABEL), LETTERS + BELOW * (part.depth + 1) - 2
    whole = _title(span.label) if label != span.label else ""
    box = f'<rect x="{part.left:.0f}" y="{base}" width="{part.right - part.left:.0f}" height="{height}" rx="3"/>'
    middle = f'x="{(part.left + part.right) / 2:.0f}" y="{base + height - 4}"'
    group = f'<g class="{_class("s", span.look)} c{color}"{_number(part.span, numbered)}>'
    return f"{group}{whole}{box}<text {middle}>{html.text(label)}</text></g>"


def _texts(slots: Sequence[_Slot], y: int) -> Iterable[str]:
    """Yield the words of a line: neighbors without room for a box between them in one piece, at its computed width.

    Fonts differ in the widths of their letters; with its width given, a piece ends where the boxes expect it.
    """
    piece: list[_Slot] = []
    for slot in [*slots, None]:
        if piece and (slot is None or slot.left or piece[-1].right):
            text = piece[0].text + "".join((" " if word.gap else "") + word.text for word in piece[1:])
            size = piece[-1].x + piece[-1].left + piece[-1].own - piece[0].x - piece[0].left
            place = f'x="{piece[0].x + piece[0].left + size / 2:.1f}" y="{y}" textLength="{size:.1f}"'
            yield f'<text {place} lengthAdjust="spacingAndGlyphs">{html.text(text)}</text>'
            piece = []
        if slot is not None:
            piece.append(slot)


def _path(segment: _Segment, base: int, width: int, numbered: bool) -> str:
    """Draw a segment: a leg at each end, a level line with a gap for the label, and a tip where the tail is."""
    y = base - ABOVE * segment.level - 10
    left, right = round(segment.left), round(segment.right)
    bend = min(ROUND, (right - left) / 2)
    line = f"M{left} {base}V{y + bend}q0-{bend} {bend}-{bend}" if segment.starts else f"M0 {y}"
    end = right - bend if segment.ends else width
    if segment.label_left > left + bend:
        line += f"H{segment.label_left:.0f}M{min(segment.label_right, end):.0f} {y}H{end}"
    else:
        line += f"M{end} {y}"
    line += f"q{bend} 0 {bend} {bend}V{base}" if segment.ends else ""
    if segment.arrow:
        line += f"M{(left if segment.arrow < 0 else right) - 3} {base - 5}l3 5 3-5"
    whole = _title(segment.arc.label) if segment.label != segment.arc.label else ""
    label = f'x="{(segment.label_left + segment.label_right) / 2:.0f}" y="{y + 3}">{html.text(segment.label)}'
    group = f'<g class="{_class("a", segment.arc.look)}"{_number(segment.number, numbered)}>'
    return f'{group}{whole}<path d="{line}"/><text {label}</text></g>'


def _reads_from_the_right(words: Sequence[str]) -> bool:
    letters = [unicodedata.bidirectional(letter) for word in words for letter in word if letter.isalpha()]
    return 2 * sum(kind in ("R", "AL") for kind in letters) > len(letters)


def _title(label: str) -> str:
    return f"<title>{html.text(_shown(label, LONGEST_TITLE))}</title>"


def _number(number: int, numbered: bool) -> str:
    return f' data-number="{number}"' if numbered else ""


def _class(kind: str, look: str) -> str:
    return f"{kind} {look}" if look else kind
