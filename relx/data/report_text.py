"""A corpus report as text for a terminal."""

from collections.abc import Callable, Iterator, Sequence

from relx.data.changes import CUT, RESPELLED, SHARED, UNLOCATED
from relx.data.consistency import Bare, Conflict, Place
from relx.data.overlap import OVERLAP_CLASSES
from relx.data.report import PERCENTILES, SIZES, CorpusReport, Coverage, Leakage, SplitReport
from relx.utils.text import aligned, distinct_names, printable

MOST_TYPES = 30
WIDTH = 100
NAME_WIDTH = 28
SHOWN = 3
CHANGES = {"unlocated": UNLOCATED, "cut": CUT, "shared": SHARED, "respelled": RESPELLED}

Row = tuple[str, Sequence[int | str]]
Figure = tuple[str, Callable[[SplitReport], int]]

FIGURES: tuple[Figure, ...] = (
    ("sentences", lambda s: s.sentences),
    ("  without triples", lambda s: s.negatives),
    ("  duplicates", lambda s: s.duplicate_sentences),
    ("  with overlapping entities", lambda s: s.sentences_with_overlapping_entities),
    ("tokens", lambda s: s.tokens),
    ("entities", lambda s: s.entities),
    ("  not found in the text", lambda s: s.unlocated.count),
    ("  that cut a token", lambda s: s.cut.count),
    ("  that cut one of another", lambda s: s.shared.count),
    ("  text differs from tokens", lambda s: s.respelled.count),
    ("triples as listed", lambda s: s.triples),
    ("  unique in their sentence", lambda s: s.unique_triples),
    ("  with a mention not found", lambda s: s.unlocated_triples),
    ("  head and tail the same", lambda s: s.self_pairs),
    ("relation types", lambda s: len(s.relation_types)),
    ("entity types", lambda s: len(s.entity_types)),
)


def render(report: CorpusReport) -> str:
    """Return the report as aligned lines."""
    splits = report.splits
    sections = [
        _table("", splits, [(name, [figure(split) for split in splits]) for name, figure in FIGURES]),
        _table("tokens in a sentence", splits, _counts(splits, "lengths", PERCENTILES)),
        _table("sentences by unique triples", splits, _counts(splits, "triples_per_sentence", SIZES)),
        _overlap(splits),
        _types("relation types", splits, "relation_types"),
        _types("entity types", splits, "entity_types"),
        _argument_types(report),
        "\n".join(_conflicts(report.conflicts)),
        "\n".join(_bare(report.bare)),
        "\n".join(_coverage(report.coverage)),
        "\n".join(map(_leakage, report.leakage)),
        *("\n".join(_mentions(f"mentions {cause}", field, splits)) for field, cause in CHANGES.items()),
    ]
    return "\n\n".join(section for section in sections if section)


def _table(title: str, splits: Sequence[SplitReport], rows: Sequence[Row]) -> str:
    header = [title.ljust(NAME_WIDTH), *(split.name for split in splits)]
    return "\n".join(aligned([header, *([name, *map(_cell, values)] for name, values in rows)]))


def _cell(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _counts(splits: Sequence[SplitReport], field: str, names: Sequence[str] | dict[str, float]) -> list[Row]:
    return [(f"  {name}", [getattr(split, field)[name] for split in splits]) for name in names]


def _overlap(splits: Sequence[SplitReport]) -> str:
    rows = _counts(splits, "overlap", OVERLAP_CLASSES)
    if any(split.overlap != split.overlap_as_listed for split in splits):
        listed = _counts(splits, "overlap_as_listed", OVERLAP_CLASSES)
        rows += [(f"{name}, triples as listed", values) for name, values in listed]
    return _table("sentences by overlap class", splits, rows)


def _types(title: str, splits: Sequence[SplitReport], field: str) -> str:
    names = list(dict.fromkeys(name for split in splits for name in getattr(split, field)))
    if not names:
        return ""
    counts = [[getattr(split, field).get(name, 0) for split in splits] for name in names[:MOST_TYPES]]
    rows: list[Row] = [(f"  {name}", row) for name, row in zip(distinct_names(names)[:MOST_TYPES], counts, strict=True)]
    return _table(title, splits, rows) + _more(len(names))


def _more(count: int) -> str:
    return f"\n  and {count - MOST_TYPES} more; --json lists them all" if count > MOST_TYPES else ""


def _argument_types(report: CorpusReport) -> str:
    listed = [part for part in report.argument_types if (part.head, part.tail) != (None, None)]
    names = [f"{part.relation}: {part.head or '?'} to {part.tail or '?'}" for part in listed[:MOST_TYPES]]
    rows: list[Row] = [(f"  {name}", list(part.counts.values())) for name, part in zip(names, listed, strict=False)]
    return _table("arguments of relations", report.splits, rows) + _more(len(listed)) if listed else ""


def _conflicts(conflicts: Sequence[Conflict]) -> Iterator[str]:
    """Yield lines that list the first words with several types."""
    if conflicts:
        yield f"words annotated with several types: {len(conflicts):,}{_first(len(conflicts))}"
    for conflict in conflicts[:SHOWN]:
        types = ", ".join(f"{type} {count:,}" for type, count in conflict.types.items())
        yield "  " + printable(f"{conflict.words!r}: {types} ({_places(conflict.places)})", WIDTH - 6)


def _bare(bare: Sequence[Bare]) -> Iterator[str]:
    """Yield lines that list the first words that are mostly annotated, with the places where they are not."""
    if bare:
        places = sum(len(part.places) for part in bare)
        title = f"words that are mostly annotated, but not everywhere: {len(bare):,}, not in {places:,} places"
        yield title + _first(len(bare))
    for part in bare[:SHOWN]:
        where = f"annotated {part.annotated:,} of {part.annotated + len(part.places):,} times, not here:"
        yield "  " + printable(f"{part.words!r}: {where} {_places(part.places)}", WIDTH - 6)


def _places(places: Sequence[Place]) -> str:
    shown = "; ".join(f"{file}: {sentence}" for file, sentence in places[:SHOWN])
    return shown + "; ..." * (len(places) > SHOWN)


def _first(count: int) -> str:
    return f", the first {SHOWN} (--json lists all)" if count > SHOWN else ""


def _coverage(coverage: Sequence[Coverage]) -> Iterator[str]:
    for path in dict.fromkeys(part.vectors for part in coverage):
        yield f"vectors: {path}"
        for part in (part for part in coverage if part.vectors == path):
            tokens = _covered(part.tokens, part.tokens_exact, part.tokens_lower_case)
            words = _covered(part.words, part.words_exact, part.words_lower_case)
            yield f"  {part.split}: tokens {tokens}; words {words}"


def _covered(total: int, exact: int, lower: int) -> str:
    all_forms, as_written, lower_case = (f"{count / max(1, total):.1%}" for count in (exact + lower, exact, lower))
    return f"{all_forms} of {total:,} ({as_written} as written, {lower_case} in lower case)"


def _leakage(leakage: Leakage) -> str:
    sentences = f"{leakage.sentence_share:.1%} of its sentences ({leakage.sentences:,})"
    triples = f"{leakage.triple_share:.1%} of its triples by text ({leakage.triples:,})"
    return f"{leakage.split}: {sentences} and {triples} are in {leakage.larger} too"


def _mentions(title: str, field: str, splits: Sequence[SplitReport]) -> Iterator[str]:
    """Yield lines that list the first mentions of a cause, with their file and sentence."""
    listed = [(split.name, mention) for split in splits for mention in getattr(split, field).listed]
    if listed:
        yield title + (f", the first {SHOWN} of {len(listed):,} (--json lists all)" if len(listed) > SHOWN else "")
    for name, mention in listed[:SHOWN]:
        tokens = f" in {mention['tokens']!r}" if mention["tokens"] else ""
        yield "  " + printable(f"{name}: {mention['sentence']}: {mention['mention']!r}{tokens}", WIDTH - 6)
