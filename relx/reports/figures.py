"""Figures of outcomes: scores of parts of the triples, confusions of types, and how precision depends on the score."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from relx.data.example import Example, Relation
from relx.scoring.counts import Counts
from relx.scoring.outcomes import CORRECT, Outcome

LENGTHS = {"1-10": 10, "11-20": 20, "21-30": 30, "31-40": 40, "41-60": 60, "61+": 10**9}
DISTANCES = {"overlapping": -1, "0-2": 2, "3-5": 5, "6-10": 10, "11-20": 20, "21+": 10**9}
NOT_FOUND = "mention not found"
MOST_TYPES = 20
OTHERS, NONE = "other types", "none"


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


@dataclass(frozen=True)
class Confusion:
    """How often gold of one type (row) was predicted as another (column); the last row and column are of no partner."""

    types: list[str]
    cells: list[list[int]]


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
