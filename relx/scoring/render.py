"""Tables of scores in percent, for a terminal and for a notebook. Each line names the protocol."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from relx.scoring.counts import Counts
from relx.scoring.report import Report
from relx.utils import html
from relx.utils.text import aligned, distinct_names

HEADER = ("protocol", "scored", "predicted", "gold", "correct", "precision %", "recall %", "f1 %")
CHOSEN = "test, chosen thresholds"
Row = tuple[str, ...]


def render(report: Report, *others: Report) -> str:
    """Return the headline numbers of every report, then the parts of the first."""
    groups = [[HEADER, *_headlines((report, *others))], *(list(part) for _, part in _parts(report))]
    lines = iter(aligned([row for group in groups for row in group], left=2))
    tables = ["\n".join(islice(lines, len(group))) for group in groups if group]
    return "\n\n".join(tables + [_note(part) for part in (report, *others) if part.unlocated][:1])


def render_html(report: Report, *others: Report) -> str:
    """Return the same tables as HTML, each with a caption."""
    groups = [("all", _headlines((report, *others))), *_parts(report)]
    tables = [html.table([HEADER, *rows], caption) for caption, part in groups if (rows := list(part))]
    notes = [f"<p>{html.text(_note(part))}</p>" for part in (report, *others) if part.unlocated][:1]
    return "".join(tables + notes)


def metric_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """Return the scores in the content of ``metrics.json`` as the rows of a table, the header first.

    A score of the chosen thresholds that equals that of the head's has no row. The content may come from the archive of
    a stranger: what has another form than relx writes is left out.
    """
    rows: list[Row] = [("data", "protocol", "scored", "precision %", "recall %", "f1 %")]
    calibrated = metrics.get("calibrated")
    splits = {split: metrics.get(split) for split in ("validation", "test")}
    splits[CHOSEN] = calibrated.get("test") if isinstance(calibrated, dict) else None
    for split, reports in splits.items():
        for number, report in enumerate(reports.values() if isinstance(reports, dict) else ()):
            parts = (("protocol", "triples"), ("entity_protocol", "entities"))
            for protocol, part in parts if number == 0 else parts[:1]:
                try:
                    ratios = [f"{100 * float(report[part][ratio]):.1f}" for ratio in ("precision", "recall", "f1")]
                    row = (str(report[protocol]), f"all {part}", *ratios)
                    if split != CHOSEN or ("test", *row) not in rows:
                        rows.append((split, *row))
                except (KeyError, TypeError, ValueError, OverflowError):
                    continue
    return rows


def percentages(counts: Counts) -> str:
    """Precision, recall and F1 on one line."""
    return f"P {100 * counts.precision:.1f} R {100 * counts.recall:.1f} F1 {100 * counts.f1:.1f}"


def _headlines(reports: tuple[Report, ...]) -> Iterator[Row]:
    for report in reports:
        yield _row(report.protocol, "all triples", report.triples)
    yield _row(reports[0].entity_protocol, "all entities", reports[0].entities)


def _parts(report: Report) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield the caption and the rows of each group of parts.

    A group of sentences without a triple, gold or predicted, has no row.
    """
    name, overlaps, sizes = report.protocol, report.per_overlap.items(), report.per_size.items()
    by_overlap = (_row(name, f"{label} sentences", part) for label, part in overlaps if part.gold or part.predicted)
    by_size = (
        _row(name, f"sentences of {size} gold triples", part) for size, part in sizes if part.gold or part.predicted
    )
    yield "by overlap", by_overlap
    yield "by number of triples", by_size
    if report.unseen is not None:
        yield "unseen in training", iter([_row(name, "triples unseen in training", report.unseen)])
    yield "by relation", (_row(name, relation, part) for relation, part in _by_gold(report.per_relation))
    entities, participation = report.entity_protocol, report.per_participation.items()
    yield "entities", (_row(entities, f"{label} entities", part) for label, part in participation)
    yield "entities by type", (_row(entities, type, part) for type, part in _by_gold(report.per_entity_type))


def _by_gold(counts: dict[str, Counts]) -> list[tuple[str, Counts]]:
    shown = zip(distinct_names(counts), counts.values(), strict=True)
    return sorted(shown, key=lambda pair: (-pair[1].gold, pair[0]))


def _row(protocol: str, scored: str, counts: Counts) -> Row:
    ratios = (f"{100 * ratio:.1f}" for ratio in (counts.precision, counts.recall, counts.f1))
    return protocol, scored, str(counts.predicted), str(counts.gold), str(counts.correct), *ratios


def _note(report: Report) -> str:
    return (
        f"{report.protocol}: {report.unlocated} of {report.triples.gold} gold triples have a mention that was not "
        "found among the tokens; none can be predicted, all count in the recall"
    )
