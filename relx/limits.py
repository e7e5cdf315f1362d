"""Limits of the form of a model: relations that no weights return together, although the targets hold them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import NamedTuple

from relx.data.example import Entity, Relation

Cell = tuple[Hashable, Hashable]

# All subsets of so many items and all orders of so many are tried; larger sets are cut, which bounds the errors below.
MOST_SUBSETS = 8
MOST_ORDERS = 5

SUMMED = "the pair scorer is a sum of two scores: beside two pairs of a relation it also returns a crossed pair"
SUMMED_TWICE = "a triple needs two scores, each a sum: each can reject only one of two crossed pairs"
SUMMED_SPANS = "the scorer of starts and ends is a sum of two scores: beside two spans it also finds a crossed one"
SUMMED_LABELS = "the label of a pair is the best of several sums: two relations cannot hold crosswise"


class Outcome(NamedTuple):
    """Hold the relations that are lost, and the number of wrong ones that are returned."""

    lost: tuple[Relation, ...] = ()
    wrong: int = 0


@dataclass(frozen=True)
class Limit:
    """Name relations of one sentence that no weights return without an error.

    ``outcomes`` are the best possible ones: for each number of lost relations the one with the fewest wrong ones. An
    outcome without an error says that the cost of the limit is not known. Raises ValueError if there are no outcomes.
    """

    cause: str
    outcomes: Sequence[Outcome]

    def __post_init__(self) -> None:
        if not self.outcomes:
            raise ValueError(f"the limit {self.cause!r} has no outcomes; give at least one")


def combined(choices: Iterable[Sequence[Outcome]]) -> list[Outcome]:
    """Combine independent choices: find the best outcomes of all of them together."""
    best = [Outcome()]
    for options in choices:
        best = fewest_wrong(
            Outcome(first.lost + other.lost, first.wrong + other.wrong) for first in best for other in options
        )
    return best


def fewest_wrong(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Keep for each number of lost relations the outcome with the fewest wrong ones."""
    best: dict[int, Outcome] = {}
    for outcome in outcomes:
        known = best.setdefault(len(outcome.lost), outcome)
        if outcome.wrong < known.wrong:
            best[len(outcome.lost)] = outcome
    return list(best.values())


def spans_of(relation: Relation) -> Cell:
    """Return the spans of head and tail."""
    return relation.head.span, relation.tail.span


def tables_of(
    relations: Iterable[Relation], cell_of: Callable[[Relation], Cell] = spans_of
) -> list[dict[Cell, Relation]]:
    """Return the table of each type of these relations. Of several relations with one cell it has the last."""
    tables: dict[str, dict[Cell, Relation]] = defaultdict(dict)
    for relation in relations:
        tables[relation.type][cell_of(relation)] = relation
    return list(tables.values())


def limits_of_sums(tables: Iterable[Mapping[Cell, Relation]], counts: Callable[[Cell], bool]) -> list[Limit]:
    """Find the limits of a pair scorer of the form f(head) + g(tail), one for each table that it cannot hold.

    Such a scorer returns the pairs of a relation that are below a staircase: heads and tails have an order in which
    each head takes a prefix of the tails. ``tables`` hold the wanted cells (head, tail) of one relation each,
    ``counts`` says of any other cell whether it is a wrong relation or is ignored.
    """
    found = []
    for table in tables:
        outcomes = combined(_staircases(part, counts) for part in _parts(table))
        if Outcome() not in outcomes:
            found.append(Limit(SUMMED, outcomes))
    return found


def limits_of_two_sums(tables: Iterable[Mapping[Cell, Relation]], counts: Callable[[Cell], bool]) -> list[Limit]:
    """Find limits where a relation is returned if two scores, each of the form f(head) + g(tail), both allow it.

    Of the two wrong cells across two wanted ones each score rejects at most one, so that they need one score each. The
    wrong cells, joined in such pairs, would form a bipartite graph: each part of it that is none costs at least one
    error. If all are bipartite, the cost is not known. For ``tables`` and ``counts`` see ``limits_of_sums``.
    """
    limits = []
    for table in tables:
        across = crossings(table, counts)
        odd = _odd_parts(across)
        if across:
            costs = [Outcome(wrong=odd), Outcome((next(iter(table.values())),))] if odd else [Outcome()]
            limits.append(Limit(SUMMED_TWICE, costs))
    return limits


def crossings(cells: Collection[Cell], counts: Callable[[Cell], bool]) -> list[tuple[Cell, Cell]]:
    """Return (a, y) and (b, x) for each two of the cells (a, x) and (b, y) where both of them are wrong cells."""
    pairs = (((a, y), (b, x)) for (a, x), (b, y) in combinations(cells, 2) if a != b and x != y)
    return [pair for pair in pairs if all(cell not in cells and counts(cell) for cell in pair)]


def _odd_parts(edges: Iterable[tuple[Cell, Cell]]) -> int:
    """Return how many connected parts of a graph have a cycle of odd length."""
    neighbors: dict[Cell, set[Cell]] = defaultdict(set)
    for one, other in edges:
        neighbors[one].add(other)
        neighbors[other].add(one)
    sides: dict[Cell, bool] = {}
    odd = 0
    for start in neighbors:
        if start in sides:
            continue
        sides[start], reached = True, [start]
        for cell in reached:
            fresh = [other for other in neighbors[cell] if other not in sides]
            sides.update((other, not sides[cell]) for other in fresh)
            reached += fresh
        odd += any(sides[cell] == sides[other] for cell in reached for other in neighbors[cell])
    return odd


def limit_of_labels(labels: Mapping[Cell, Relation], alone: bool) -> list[Limit]:
    """Find two relations that cannot hold crosswise, where each pair has the label with the best f(head) + g(tail).

    If (a, x) and (b, y) have one label, (a, y) and (b, x) do not both have one other. This costs a triple; if it is not
    the only limit (``alone``), another one may count that triple already.
    """
    for (a, x), (b, y) in combinations(labels, 2):
        same = labels[a, x].type == labels[b, y].type
        crosswise = [labels[cell].type for cell in ((a, y), (b, x)) if a != b and x != y and cell in labels]
        if same and len(crosswise) == 2 and crosswise[0] == crosswise[1] != labels[a, x].type:
            return [Limit(SUMMED_LABELS, [Outcome((labels[a, x],)) if alone else Outcome()])]
    return []


def limit_of_spans(entities: Iterable[Entity]) -> list[Limit]:
    """Mark spans of one type that a sum f(start) + g(end) does not find without another one.

    A wrong span need not be in a triple, so the cost is not known.
    """
    spans: dict[str | None, list[Cell]] = defaultdict(list)
    for entity in entities:
        spans[entity.type].append(entity.span)
    across = (crossings(group, lambda cell: cell[0] < cell[1]) for group in spans.values())  # type: ignore[operator]
    return [Limit(SUMMED_SPANS, [Outcome()])] if any(across) else []


def _parts(table: Mapping[Cell, Relation]) -> list[Mapping[Cell, Relation]]:
    """Cut the table along its shorter side into parts that are short enough to try all orders."""
    side = _shorter_side(table)
    items = sorted({cell[side] for cell in table}, key=repr)
    groups = [set(items[start : start + MOST_ORDERS]) for start in range(0, len(items), MOST_ORDERS)]
    return [{cell: relation for cell, relation in table.items() if cell[side] in group} for group in groups]


def _staircases(table: Mapping[Cell, Relation], counts: Callable[[Cell], bool]) -> list[Outcome]:
    """Return the best outcomes over all orders of the shorter side.

    Each item of the other side takes its best prefix of an order.
    """
    side = _shorter_side(table)
    items, others = ({cell[place] for cell in table} for place in (side, 1 - side))
    if len(items) < 2 or len(others) < 2:
        return [Outcome()]
    best: list[Outcome] = []
    for order in permutations(sorted(items, key=repr)):
        rows = [[(one, item) if side else (item, one) for item in order] for one in others]
        best = fewest_wrong([*best, *combined(_prefixes(row, table, counts) for row in rows)])
        if Outcome() in best:
            break
    return best


def _prefixes(row: Sequence[Cell], table: Mapping[Cell, Relation], counts: Callable[[Cell], bool]) -> list[Outcome]:
    """Return the relations that the prefixes of a row of cells lose and the number of wrong ones that they add."""
    wrong = [cell not in table and counts(cell) for cell in row]
    return fewest_wrong(
        Outcome(tuple(table[cell] for cell in row[taken:] if cell in table), sum(wrong[:taken]))
        for taken in range(len(row) + 1)
    )


def _shorter_side(table: Mapping[Cell, Relation]) -> int:
    heads, tails = (len({cell[side] for cell in table}) for side in (0, 1))
    return 0 if heads < tails else 1


class Tied(NamedTuple):
    """Hold a triple (None: a wrong one) that is returned with others or not at all, if its subject is found."""

    subject: Hashable
    relation: Relation | None


def limit_of_ties(cause: str, groups: Iterable[Sequence[Tied]], relations: Collection[Relation]) -> list[Limit]:
    """Find the limit of triples of which all are returned or none: those of each group whose subjects are found.

    A subject that is not found loses all of its ``relations``, whose subjects are the spans of their heads.
    """
    groups = [group for group in groups if len({tied.relation is None for tied in group}) > 1]
    subjects = list(dict.fromkeys(relation.head.span for relation in relations))
    choices = []
    for start in range(0, len(subjects) if groups else 0, MOST_SUBSETS):
        some = subjects[start : start + MOST_SUBSETS]
        choices.append(fewest_wrong(_of_subsets(some, groups, relations)))
    outcomes = combined(choices)
    return [] if Outcome() in outcomes else [Limit(cause, outcomes)]


def _of_subsets(
    subjects: Sequence[Hashable], groups: Collection[Sequence[Tied]], relations: Collection[Relation]
) -> Iterable[Outcome]:
    for count in range(len(subjects), -1, -1):
        for found in map(set, combinations(subjects, count)):
            missed = tuple(r for r in relations if r.head.span in subjects and r.head.span not in found)
            options = [_all_or_none([tied for tied in group if tied.subject in found]) for group in groups]
            yield from combined([[Outcome(missed)], *options])


def _all_or_none(group: Sequence[Tied]) -> list[Outcome]:
    wanted = tuple(tied.relation for tied in group if tied.relation is not None)
    wrong = len(group) - len(wanted)
    return [Outcome(wrong=wrong), Outcome(wanted)] if wanted and wrong else [Outcome()]
