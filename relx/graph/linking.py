"""Names to the entries of a list: equal names, abbreviations, initials, and names spelled almost alike."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rapidfuzz import fuzz, process

from relx.data.alignment import without_accents
from relx.data.document import normalized_name
from relx.errors import DataError, Faults
from relx.utils.files import text_lines
from relx.utils.text import printable

COLUMNS = ("id", "name", "aliases", "type")
REQUIRED = COLUMNS[:2]
BETWEEN_ALIASES = "|"
MIN_SCORE = 0.85
"""Below this score nothing is linked; docs/workbench.md shows what other cuts find."""
SHOWN = 3
EXACT, WITHOUT_ACCENTS, ABBREVIATED, INITIALS = 1.0, 0.99, 0.95, 0.92
LEAST_ALIKE = 0.6
# Shorter names differ from others by one letter too often to be linked by their spelling.
SHORTEST_MISSPELT = 5

_UNSAID = frozenset(("a", "an", "and", "de", "der", "des", "du", "for", "in", "la", "of", "on", "the", "und"))
_ABBREVIATION = re.compile(r"(?:[^\W\d_]\.?){2,8}")
_DIGITS = re.compile(r"\d+")


class Candidate(NamedTuple):
    """An entry of the list, and how well a name fits it, from 0 to 1."""

    id: str
    name: str
    score: float


class Link(NamedTuple):
    """The entry of a name: None below the cut, and where two entries fit equally well; and the best candidates."""

    entry: "Entry | None"
    score: float | None
    candidates: list[Candidate]


class Entry(NamedTuple):
    """A line of the list."""

    id: str
    name: str
    aliases: list[str]
    type: str | None


class Linker:
    """Find the entries of names. Below ``min_score`` a name has none."""

    def __init__(self, entries: Sequence[Entry], min_score: float = MIN_SCORE) -> None:
        self.entries, self.min_score = entries, min_score
        self._names: list[str] = []
        self._owners: list[int] = []
        # What finds an entry, and how well: a key has a mark of its kind before it.
        self._found_by: defaultdict[str, dict[int, float]] = defaultdict(dict)
        for number, entry in enumerate(entries):
            for name in dict.fromkeys([entry.name, *entry.aliases]):
                self._names.append(without_accents(normalized_name(name)))
                self._owners.append(number)
                for key, score in _keys_of_entry(name):
                    self._found_by[key][number] = max(score, self._found_by[key].get(number, 0))

    def __call__(self, name: str, type: str = "") -> Link:
        """Return the entry of a name. An entry of another type than ``type`` does not count; one without type does."""
        scored = ((self.entries[number], score) for number, score in self._scores(name).items())
        fitting = [pair for pair in scored if not type or (pair[0].type or type).casefold() == type.casefold()]
        best = sorted(fitting, key=lambda pair: (-pair[1], pair[0].id))[:SHOWN]
        candidates = [Candidate(entry.id, entry.name, round(score, 4)) for entry, score in best]
        is_tie = (
            [candidate.score for candidate in candidates[:2]].count(candidates[0].score) > 1 if candidates else True
        )
        if is_tie or candidates[0].score < self.min_score:
            return Link(None, None, candidates)
        return Link(best[0][0], candidates[0].score, candidates)

    def _scores(self, name: str) -> dict[int, float]:
        """Return the score of each entry that has something of a name, by the number of the entry."""
        key = without_accents(normalized_name(name))
        scores: dict[int, float] = {}
        found = [pair for key_of_name in _keys_of_name(name) for pair in self._found_by.get(key_of_name, {}).items()]
        if len(key) >= SHORTEST_MISSPELT:
            found += self._spelled_alike(key)
        for number, score in found:
            scores[number] = max(score, scores.get(number, 0))
        return scores

    def _spelled_alike(self, key: str) -> Iterator[tuple[int, float]]:
        """Yield the entries with a name like this one, scored by the whole name and by the word that differs most.

        So one wrong word among many right ones counts ("Institute of Biology", "Geology"). Names of other numbers
        ("Boeing 737", "747") are never alike.
        """
        for scorer in (fuzz.ratio, fuzz.token_sort_ratio):
            alike = process.extract(key, self._names, scorer=scorer, score_cutoff=100 * LEAST_ALIKE, limit=2 * SHOWN)
            for name, score, place in alike:
                differs = _DIGITS.findall(name) != _DIGITS.findall(key)
                score = min((score + _least_alike(key, name)) / 200, WITHOUT_ACCENTS)
                yield self._owners[place], min(score, LEAST_ALIKE) if differs else score


def _least_alike(one: str, other: str) -> float:
    """Return how much the word of two names that has the least like word in the other name has of it, from 0 to 100."""
    words, others = one.split(), other.split()
    alike = process.cdist(words, others, scorer=fuzz.ratio)
    return float(min(alike.max(axis=0).min(), alike.max(axis=1).min()))


def read_entries(path: str | Path) -> list[Entry]:
    """Read a CSV file with the columns ``id`` and ``name``, and perhaps ``aliases`` (between ``|``) and ``type``.

    Raises DataError with all faults of the file, each with its ``file:line``.
    """
    faults, entries = Faults(), dict[str, Entry]()
    rows = csv.DictReader((line for _, line in text_lines(path)), strict=True)
    try:
        if not {*REQUIRED} <= {*(rows.fieldnames or ())}:
            found = printable(", ".join(map(repr, rows.fieldnames or ())), 100) or "nothing"
            raise DataError(f"{path}:1: expected a line that names the columns {', '.join(COLUMNS)}, got {found}")
        for row in rows:
            where = f"{path}:{rows.line_num}"
            id, name, aliases, type = ((row.get(column) or "").strip() for column in COLUMNS)
            if None in row or None in row.values():
                faults.add(DataError(f"{where}: expected {len(rows.fieldnames or ())} values, one for each column"))
            elif not id or not normalized_name(name):
                faults.add(DataError(f"{where}: expected an id and a name"))
            elif id in entries:
                faults.add(DataError(f"{where}: the id {printable(repr(id))} is that of an entry above"))
            else:
                others = [alias.strip() for alias in aliases.split(BETWEEN_ALIASES) if alias.strip()]
                entries[id] = Entry(id, name, others, type or None)
    except csv.Error as error:
        raise DataError(f"{path}:{rows.reader.line_num}: not CSV: {error}") from None
    faults.raise_any()
    if not entries:
        raise DataError(f"{path}: has no entries below its first line")
    return list(entries.values())


def _keys_of_entry(name: str) -> Iterator[tuple[str, float]]:
    key = normalized_name(name)
    yield f"= {key}", EXACT
    yield f"~ {without_accents(key)}", WITHOUT_ACCENTS
    if short := _as_abbreviation(name):
        yield f"short {short}", WITHOUT_ACCENTS
        yield f"of short {short}", ABBREVIATED
    elif made := _abbreviation_of(key):
        yield f"long {made}", ABBREVIATED
    if initials := _with_initials(key):
        yield f"{'initials' if _has_initial(key) else 'full'} {initials}", INITIALS


def _keys_of_name(name: str) -> Iterator[str]:
    """Yield the keys of the entries that fit a name; two full names with equal initials do not fit each other."""
    key = normalized_name(name)
    yield from (f"= {key}", f"~ {without_accents(key)}")
    if short := _as_abbreviation(name):
        yield from (f"short {short}", f"long {short}")
    elif made := _abbreviation_of(key):
        yield f"of short {made}"
    if initials := _with_initials(key):
        yield f"initials {initials}"
        if _has_initial(key):
            yield f"full {initials}"


def _as_abbreviation(name: str) -> str | None:
    """Return an abbreviation such as "U.S.A." without its points; None for another name."""
    letters = name.strip().replace(".", "")
    return letters.casefold() if _ABBREVIATION.fullmatch(name.strip()) and letters.isupper() else None


def _abbreviation_of(key: str) -> str | None:
    """Return the first letters of the words that are said, for a name of at least two of them."""
    words = [word for word in re.split(r"[\s\-]+", key) if word and word not in _UNSAID]
    return "".join(word[0] for word in words) if len(words) > 1 else None


def _has_initial(key: str) -> bool:
    return any(len(word.rstrip(".")) == 1 for word in key.split()[:-1])


def _with_initials(key: str) -> str | None:
    """Return the first letters of all words but the last, and the last: "a m lee" for "ann maria lee"."""
    *first, last = key.split() or [""]
    return " ".join([*(word[0] for word in first), last]) if first and len(last) > 1 else None
