"""The page of an evaluation: one HTML file with scores, diagrams and every error in its sentence, without network."""

import base64
import gzip
import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from relx.calibration.items import entity_items
from relx.calibration.reliability import Bin, calibration_error, reliability
from relx.data.example import Entity, Example, Relation
from relx.data.windows import merged
from relx.reports.errors import SUSPICIOUS, errors_of, is_suspicious
from relx.scoring.counts import Counts
from relx.scoring.outcomes import CORRECT, KINDS, Outcome, outcomes
from relx.scoring.report import Report
from relx.utils.drawing import STYLE, Arc, Span, draw
from relx.utils.text import counted, printable
from relx.version import __version__

logger = logging.getLogger(__name__)

MOST_POINTS = 300
WIDTH = 900  # of a drawing
LENGTHS = {"1-10": 10, "11-20": 20, "21-30": 30, "31-40": 40, "41-60": 60, "61+": 10**9}
DISTANCES = {"overlapping": -1, "0-2": 2, "3-5": 5, "6-10": 10, "11-20": 20, "21+": 10**9}
NOT_FOUND = "mention not found"
MOST_TYPES = 20
OTHERS, NONE = "other types", "none"


@dataclass(frozen=True)
class Confusion:
    """How often gold of one type (row) was predicted as another (column); the last row and column are of no partner."""

    types: list[str]
    cells: list[list[int]]


@dataclass(frozen=True)
class Point:
    """Precision and recall of the predictions with at least a score."""

    score: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def evaluation_page(
    title: str,
    gold: Sequence[Example],
    predicted: Sequence[Example],
    reports: Mapping[str, Report],
    facts: Iterable[tuple[str, str]] = (),
    candidates: Sequence[Example] | None = None,
) -> str:
    """Return the page of an evaluation as HTML.

    ``reports`` are the scores by protocol; the first one decides what is an error. ``facts`` are names and values that
    the page shows about the model. ``candidates`` are the predictions at a lower threshold, for the curve of precision
    and recall; without them the curve begins at the threshold. All texts are escaped, and the page forbids the browser
    to load anything. Without matplotlib the page has tables in place of the diagrams, and the log says so. Windows of
    sentences are merged into their documents, as in the scores.
    """
    gold, predicted = merged(gold), merged(predicted)
    candidates = None if candidates is None else merged(candidates)
    report = next(iter(reports.values()))
    found = outcomes(gold, predicted, report.protocol)
    pairs = {"triples": scored(found), "entities": _scored_entities(gold, predicted)}
    bins = {name: reliability(pairs[name]) for name in pairs if pairs[name]}
    own = precision_recall(found)
    points = own if candidates is None else precision_recall(outcomes(gold, candidates, report.protocol))
    errors = errors_of(found)
    typed = bool(report.per_entity_type)
    script = _own_file("page.js")
    content = {
        "title": title,
        "summary": f"{counted(len(gold), 'sentence')}, protocol {report.protocol}, relx {__version__}",
        "facts": list(facts),
        "style": Markup(_own_file("page.css") + STYLE),
        "script": Markup(script),
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **_scores(reports),
        "protocol": report.protocol,
        "kinds": [(kind, sum(error.kind == kind for error in errors), meaning) for kind, meaning in KINDS.items()],
        "suspected": sum(map(is_suspicious, errors)),
        "suspicious": SUSPICIOUS,
        "lengths": by_length(found, gold).items(),
        "distances": by_distance(found).items(),
        "points": at_tenths(points),
        "chosen": own[-1] if own else None,
        "bins": [(name, {"bins": inside, "error": calibration_error(inside)}) for name, inside in bins.items()],
        "pictures": _pictures(points, own, bins) if points else None,
        "relation_confusion": _shaded(relation_confusion(found)),
        "entity_confusion": _shaded(entity_confusion(gold, predicted)) if typed else None,
        "cards": bool(errors),
        "packed": Markup(_packed(_cards(errors, found, gold, predicted, types_of(gold)))),
    }
    return _template("page.html").render(content)


def _scores(reports: Mapping[str, Report]) -> dict[str, Any]:
    report = next(iter(reports.values()))
    headlines = [(f"{r.protocol}, triples", r.triples) for r in reports.values()]
    by_gold = [sorted(part.items(), key=lambda pair: (-pair[1].gold, pair[0])) for part in
               (report.per_relation, report.per_entity_type)]  # fmt: skip
    return {
        "headlines": [*headlines, (f"{report.entity_protocol}, entities", report.entities)],
        "relations": by_gold[0],
        "entity_types": by_gold[1],
        "overlap": report.per_overlap.items(),
        "unseen": [] if report.unseen is None else [("triples unseen in training", report.unseen)],
    }


def _pictures(
    points: Sequence[Point], own: Sequence[Point], bins: Mapping[str, Sequence[Bin]]
) -> dict[str, Markup] | None:
    if find_spec("matplotlib") is None:
        logger.warning("the page has no diagrams, because they need matplotlib; get it with: pip install 'relx[plots]'")
        return None
    from relx.calibration import plots  # noqa: PLC0415 (an optional package)

    thinned = points[:: 1 + len(points) // MOST_POINTS]
    curve = [(point.recall, point.precision) for point in (*thinned, points[-1])]
    mark = (own[-1].recall, own[-1].precision) if own else None
    label = f"threshold {own[-1].score:.2f}" if own else ""
    return {
        "precision_recall": Markup(plots.draw_precision_recall(curve, mark, label)),
        "reliability": Markup(plots.draw_reliability(bins)),
    }


def _shaded(table: Confusion) -> dict[str, Any]:
    """Return the rows of a table, each cell with its share of the row and whether it is correct."""
    rows = []
    for i, (type, counts) in enumerate(zip(table.types, table.cells, strict=True)):
        total = max(1, sum(counts))
        right = [i == j and i < len(table.types) - 1 for j in range(len(counts))]
        rows.append((type, [(count, round(count / total, 2), r) for count, r in zip(counts, right, strict=True)]))
    return {"types": table.types, "rows": rows}


def _scored_entities(gold: Sequence[Example], predicted: Sequence[Example]) -> list[tuple[float, bool]]:
    """Return the score of each predicted entity that has one, and whether it is correct as the scores count it."""
    scored = [replace(example, entities=[e for e in example.entities if e.score is not None]) for example in predicted]
    return list(entity_items(gold, scored).pairs())


def _cards(
    errors: Sequence[Outcome],
    found: Sequence[Outcome],
    gold: Sequence[Example],
    predicted: Sequence[Example],
    types: Sequence[str],
) -> list[dict[str, Any]]:
    """Return what the script of the page shows: for each sentence with errors its HTML, and what the filters need."""
    by_sentence: defaultdict[int, list[Outcome]] = defaultdict(list)
    for error in errors:
        by_sentence[error.sentence].append(error)
    all_by_sentence: defaultdict[int, list[Outcome]] = defaultdict(list)
    for outcome in found:
        all_by_sentence[outcome.sentence].append(outcome)
    template, cards = _template("card.html"), []
    for number, own in by_sentence.items():
        pair = gold[number], predicted[number]
        shown = {
            "number": number + 1,
            "id": pair[0].id,
            "drawing": Markup(_drawing(*pair, all_by_sentence[number], types)),
            "errors": [_error(error, *pair) for error in own],
        }
        filters = [(error.kind, is_suspicious(error), _relations(error)) for error in own]
        cards.append({"errors": filters, "html": template.render(shown)})
    return cards


def _relations(error: Outcome) -> list[str]:
    return list(dict.fromkeys(printable(r.type) for r in (error.gold, error.predicted) if r is not None))


def _error(error: Outcome, gold: Example, predicted: Example) -> dict[str, Any]:
    sides = {"gold": (gold, error.gold), "predicted": (predicted, error.predicted)}
    triples = {side: relation and _triple(example, relation) for side, (example, relation) in sides.items()}
    return {"kind": error.kind, "suspected": is_suspicious(error), **triples}


def _triple(example: Example, relation: Relation) -> dict[str, Any]:
    return {
        "head": example.mention_text(relation.head),
        "head_type": relation.head.type,
        "relation": relation.type,
        "tail": example.mention_text(relation.tail),
        "tail_type": relation.tail.type,
        "score": relation.score,
        "located": relation.located,
    }


def _drawing(gold: Example, predicted: Example, found: Iterable[Outcome], types: Sequence[str]) -> str:
    """Draw gold and predictions over one another: what only gold has looks missed, what it lacks looks spurious."""
    spans: dict[tuple[int, int, str], Span] = {}
    typed = {entity.span: entity.type for entity in _mentions(gold)}

    def key(entity: Entity) -> tuple[int, int, str]:
        return *entity.span, entity.type or typed.get(entity.span) or ""

    theirs, ours = ({key(entity) for entity in _mentions(example)} for example in (gold, predicted))
    for place in sorted(theirs | ours):
        look = "" if place in theirs & ours else "missed" if place in theirs else "spurious"
        spans[place] = Span(*place, look)
    number = {place: i for i, place in enumerate(spans)}
    arcs = []
    for outcome in found:
        looks = (("faint", outcome.gold),) if outcome.kind == CORRECT else (
            ("missed", outcome.gold), ("spurious", outcome.predicted))  # fmt: skip
        for look, relation in looks:
            if relation is not None and relation.located:
                arcs.append(Arc(number[key(relation.head)], number[key(relation.tail)], relation.type, look))
    return draw(gold.tokens, list(spans.values()), arcs, gold.glued(), types, WIDTH)


def _mentions(example: Example) -> list[Entity]:
    return [mention for mention in example.mentions() if mention.located]


def _packed(cards: Sequence[dict[str, Any]]) -> str:
    """Return the cards as compressed JSON in base64, which the script of the page unpacks."""
    content = json.dumps(cards, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    return environment.from_string(_own_file(name))


def _own_file(name: str) -> str:
    return (files("relx.reports") / name).read_text(encoding="utf-8")


def by_length(found: Iterable[Outcome], gold: Sequence[Example]) -> dict[str, Counts]:
    """Return the counts of triples by the number of tokens of their sentence."""
    return _parts(found, lambda sentence, _: _bin(LENGTHS, len(gold[sentence])), LENGTHS)


def by_distance(found: Iterable[Outcome]) -> dict[str, Counts]:
    """Return the counts of triples by the number of tokens between head and tail; a correct one is where gold is."""
    return _parts(found, lambda _, relation: _distance(relation), [*DISTANCES, NOT_FOUND])


def _distance(relation: Relation) -> str:
    if not relation.located:
        return NOT_FOUND
    first, second = sorted((relation.head.span, relation.tail.span))
    return _bin(DISTANCES, second[0] - first[1])


def _bin(bins: dict[str, int], value: int) -> str:
    return next(name for name, most in bins.items() if value <= most)


def _parts(found: Iterable[Outcome], part: Callable[[int, Relation], str], known: Iterable[str]) -> dict[str, Counts]:
    counts: defaultdict[str, Counts] = defaultdict(Counts)
    for kind, sentence, gold, predicted in found:
        if gold is not None:
            counts[part(sentence, gold)] += Counts(gold=1)
        if predicted is not None:
            decisive = gold if gold is not None and kind == CORRECT else predicted
            counts[part(sentence, decisive)] += Counts(predicted=1, correct=int(kind == CORRECT))
    return {name: counts[name] for name in known if name in counts}


def confusion(pairs: Iterable[tuple[str | None, str | None]]) -> Confusion:
    """Count pairs of a gold and a predicted type. Of many types the most frequent have a row, the rest share one."""
    counts = Counter(pairs)
    frequency: Counter[str] = Counter()
    for pair, count in counts.items():
        frequency.update({type: count for type in pair if type is not None})
    ordered = sorted(frequency, key=lambda type: (-frequency[type], type))
    shown = ordered if len(ordered) <= MOST_TYPES else ordered[: MOST_TYPES - 1]
    row = {type: i for i, type in enumerate(shown)}
    names = [*shown, *([OTHERS] if len(shown) < len(ordered) else []), NONE]
    cells = [[0] * len(names) for _ in names]
    for (gold, predicted), count in counts.items():
        place = [len(names) - 1 if type is None else row.get(type, len(shown)) for type in (gold, predicted)]
        cells[place[0]][place[1]] += count
    return Confusion(names, cells)


def relation_confusion(found: Iterable[Outcome]) -> Confusion:
    """Compare the types of triples that belong together; row sums are gold, column sums predicted triples."""
    return confusion((gold and gold.type, predicted and predicted.type) for _, _, gold, predicted in found)


def entity_confusion(gold: Sequence[Example], predicted: Sequence[Example]) -> Confusion:
    """Compare the types of entities with the same tokens; each is compared once, equal types first."""
    return confusion(pair for examples in zip(gold, predicted, strict=True) for pair in _entity_pairs(*examples))


def _entity_pairs(gold: Example, predicted: Example) -> Iterable[tuple[str | None, str | None]]:
    wanted, found = (_types_by_span(example) for example in (gold, predicted))
    for span in wanted.keys() | found.keys():
        theirs, ours = wanted[span], found[span]
        equal = theirs & ours
        yield from ((type, type) for type in equal)
        left = sorted(theirs - equal), sorted(ours - equal)
        for i in range(max(map(len, left))):
            yield tuple(side[i] if i < len(side) else None for side in left)  # type: ignore[misc]


def _types_by_span(example: Example) -> defaultdict[tuple[int, int] | str, set[str]]:
    types: defaultdict[tuple[int, int] | str, set[str]] = defaultdict(set)
    for entity in example.entities:
        types[entity.span if entity.located else entity.text or ""].add(entity.type or "")
    return types


def types_of(examples: Iterable[Example]) -> list[str]:
    """Return the types of the entities, the most frequent first."""
    counts = Counter(entity.type for example in examples for entity in example.entities if entity.type is not None)
    return [type for type, _ in counts.most_common()]


def precision_recall(found: Sequence[Outcome]) -> list[Point]:
    """Return a point for each distinct score of the predictions, from the highest score to the lowest."""
    wanted = sum(outcome.gold is not None for outcome in found)
    points: dict[float, Point] = {}
    correct = 0
    for number, (score, is_correct) in enumerate(sorted(scored(found), reverse=True), 1):
        correct += is_correct
        points[score] = Point(score, correct / number, correct / wanted if wanted else 0.0)
    return list(points.values())


def at_tenths(points: Sequence[Point]) -> list[Point]:
    """Return the points with the lowest score that is at least 0.9, 0.8, ... 0, without repetitions."""
    lowest = (next((p for p in reversed(points) if p.score >= tenth / 10), None) for tenth in reversed(range(10)))
    return list(dict.fromkeys(point for point in lowest if point is not None))


def scored(found: Iterable[Outcome]) -> list[tuple[float, bool]]:
    """Return the score of each prediction that has one, and whether it is correct."""
    return [
        (outcome.predicted.score, outcome.kind == CORRECT)
        for outcome in found
        if outcome.predicted is not None and outcome.predicted.score is not None
    ]
