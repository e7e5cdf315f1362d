"""How often a model finds triples that a sentence does not state: on unrelated mentions, negations and swaps."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from relx.challenge.copies import Copy, LeftOut, negated_copies, swapped_copies, unrelated_pairs
from relx.challenge.negation import RULES
from relx.data.example import Entity, Example, Relation
from relx.data.windows import merged, places
from relx.utils import html
from relx.utils.text import aligned, counted, printable

SHOWN = 3
LONGEST = 240
NORMAL_QUANTILE = 1.959964  # of a two-sided interval of 95 %
HEADER = ("challenge", "cases", "false", "rate %", "95 % interval", "found before")
UNSTATED = "-"

Pair = tuple[Entity, Entity]


@dataclass
class Rate:
    """Count cases, those with a false triple, and those whose triple the model finds in the unchanged sentence."""

    cases: int = 0
    false: int = 0
    found_before: int | None = None

    def add(self, false: bool, found_before: bool | None = None) -> None:
        """Count one case."""
        self.cases += 1
        self.false += false
        if found_before is not None:
            self.found_before = (self.found_before or 0) + found_before

    @property
    def rate(self) -> float | None:
        """The share of false cases; None without a case."""
        return self.false / self.cases if self.cases else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the rate (Wilson 1927); None without a case."""
        if not self.cases:
            return None
        n, p, z = self.cases, self.false / self.cases, NORMAL_QUANTILE
        center = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, center - half), min(1.0, center + half)

    def to_json(self) -> dict[str, Any]:
        """Return counts, rate and interval by name."""
        interval = None if self.interval is None else list(self.interval)
        before = {} if self.found_before is None else {"found_before": self.found_before}
        return {"cases": self.cases, "false": self.false, "rate": self.rate, "interval": interval, **before}

    def row(self, name: str) -> tuple[str, ...]:
        """Return the cells of a table."""
        if self.rate is None or self.interval is None:
            return name, "0", "0", UNSTATED, UNSTATED, UNSTATED
        low, high = (f"{100 * bound:.1f}" for bound in self.interval)
        before = UNSTATED if self.found_before is None else str(self.found_before)
        return name, f"{self.cases:,}", f"{self.false:,}", f"{100 * self.rate:.1f}", f"{low}-{high}", before


@dataclass
class Challenge:
    """Hold one challenge: its rate, also by types, the triples without a copy, and some false triples."""

    cases_are: str
    total: Rate = field(default_factory=Rate)
    by: dict[str, Rate] = field(default_factory=lambda: defaultdict(Rate))
    left_out: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, case: "Case") -> None:
        """Count one case."""
        self.total.add(bool(case.false), case.found_before)
        if case.by is not None:
            self.by[case.by].add(bool(case.false), case.found_before)
        self.shown += case.false[:1] if len(self.shown) < SHOWN else []

    def to_json(self) -> dict[str, Any]:
        """Return all counts for programs."""
        by = {name: rate.to_json() for name, rate in self.by.items()}
        return {**self.total.to_json(), "by": by, "left_out": dict(self.left_out), "examples": self.shown}


@dataclass(frozen=True)
class ChallengeReport:
    """Hold the challenges by name."""

    challenges: Mapping[str, Challenge]

    def to_json(self) -> dict[str, Any]:
        """Return all challenges for programs, rates from 0 to 1."""
        return {name: challenge.to_json() for name, challenge in self.challenges.items()}

    def __str__(self) -> str:
        table = "\n".join(line.rstrip() for line in aligned([HEADER, *self._rows()]))
        return "\n\n".join([table, *filter(None, map(self._notes, self.challenges))])

    def _repr_html_(self) -> str:
        return html.table([HEADER, *self._rows()])

    def _rows(self) -> list[tuple[str, ...]]:
        rows = []
        for name, challenge in self.challenges.items():
            rows.append(challenge.total.row(f"{name}: {challenge.cases_are}"))
            by = sorted(challenge.by.items(), key=lambda item: -item[1].cases)
            rows += [rate.row(f"  {printable(part)}") for part, rate in by]
        return rows

    def _notes(self, name: str) -> str:
        challenge = self.challenges[name]
        lines = [f"{name}: no copy of {counted(n, 'triple')}: {why}" for why, n in challenge.left_out.most_common()]
        lines += [f"{name}: {printable(text, LONGEST)}" for text in challenge.shown]
        return "\n".join(lines)


@dataclass
class Case:
    """Hold one case: under which name it counts, its false triples as a reader can see them, and ``Rate``'s last."""

    by: str | None
    false: list[str]
    found_before: bool | None = None


def challenge_report(
    gold: Sequence[Example], predicted: Sequence[Example], extract: Callable[[list[Example]], Sequence[Example]]
) -> ChallengeReport:
    """Count false triples on gold sentences and on changed copies of them, which ``extract`` predicts.

    Mentions are compared by their tokens, relations by type and direction. A predicted triple that is not the denied
    one, such as one with another boundary, is not counted. A case in several windows of a document counts once.
    """
    (negated, no_negation), (swapped, no_swap) = negated_copies(gold), swapped_copies(gold)
    # Each copy is a text of its own, though several copies come from one document.
    answers = list(extract([replace(copy.example, meta=None) for copy in (*negated, *swapped)]))
    count, at = len(negated), places(gold)
    return ChallengeReport(
        {
            "unrelated sentences": _unrelated_sentences(gold, predicted),
            "unrelated pairs": _unrelated_pairs(gold, predicted, at),
            "negated": _copied(f"English, {len(RULES)} rules", negated, no_negation, predicted, answers[:count], at),
            "swapped": _copied("the two mentions exchanged", swapped, no_swap, predicted, answers[count:], at),
        }
    )


def _unrelated_sentences(gold: Sequence[Example], predicted: Sequence[Example]) -> Challenge:
    """Count sentences; of windows, whole documents."""
    challenge = Challenge("two mentions or more, no relation")
    for example, answer in zip(merged(gold), merged(predicted), strict=True):
        if len({entity.span for entity in example.entities if entity.located}) > 1 and not example.relations:
            challenge.add(Case(None, [_shown(answer, relation) for relation in answer.relations]))
    return challenge


def _unrelated_pairs(gold: Sequence[Example], predicted: Sequence[Example], at: Sequence[tuple[int, int]]) -> Challenge:
    """Count the pairs of mentions of types that some relation of the data joins."""
    challenge = Challenge("two mentions without a relation, of types that a relation joins")
    joined = {_types((r.head, r.tail)) for example in gold for r in example.relations}
    cases = []
    for example, answer, (document, before) in zip(gold, predicted, at, strict=True):
        found = defaultdict(list)
        for relation in answer.relations:
            found[frozenset((relation.head.span, relation.tail.span))].append(_shown(answer, relation))
        for one, other in unrelated_pairs(example):
            if _types((one, other)) in joined:
                key = document, frozenset((_place(one, before), _place(other, before)))
                cases.append((key, Case(_types((one, other)), found[frozenset((one.span, other.span))])))
    return _counted(challenge, cases)


def _copied(
    cases_are: str,
    copies: Sequence[Copy],
    left_out: Sequence[LeftOut],
    predicted: Sequence[Example],
    answers: list[Example],
    at: Sequence[tuple[int, int]],
) -> Challenge:
    cases = []
    for copy, answer in zip(copies, answers, strict=True):
        false = [_shown(answer, relation) for relation in answer.relations if _key(relation) == _key(copy.denied)]
        before = any(_key(relation) == _key(copy.original) for relation in predicted[copy.number].relations)
        cases.append((_in_document(copy.original, *at[copy.number]), Case(copy.denied.type, false, before)))
    copied = {key for key, _ in cases}
    reasons = {_in_document(triple, *at[number]): reason for number, triple, reason in left_out}
    left = Counter(reason for key, reason in reasons.items() if key not in copied)
    return _counted(Challenge(cases_are, left_out=left), cases)


def _counted(challenge: Challenge, cases: Iterable[tuple[Hashable, Case]]) -> Challenge:
    """Count the cases of equal key once: the triple is false, or found before, if it is in one of their windows."""
    distinct: dict[Hashable, Case] = {}
    for key, case in cases:
        first = distinct.setdefault(key, case)
        if first is not case:
            first.false += case.false
            first.found_before = first.found_before or case.found_before
    for case in distinct.values():
        challenge.add(case)
    return challenge


def _in_document(relation: Relation, document: int, before: int) -> Hashable:
    return document, _place(relation.head, before), relation.type, _place(relation.tail, before)


def _place(entity: Entity, before: int) -> Hashable:
    """Return where a mention is in its document; of one without tokens, what it says."""
    return (entity.span[0] + before, entity.span[1] + before) if entity.located else (entity.characters, entity.text)


def _key(relation: Relation) -> tuple[object, str, object]:
    return relation.head.span, relation.type, relation.tail.span


def _types(pair: Pair) -> str:
    return " and ".join(sorted(entity.type or "untyped" for entity in pair))


def _shown(example: Example, relation: Relation) -> str:
    head, tail = example.mention_text(relation.head), example.mention_text(relation.tail)
    sentence = example.text if example.text is not None else " ".join(example.tokens)
    return f"({head}, {relation.type}, {tail}) in: {sentence}"
