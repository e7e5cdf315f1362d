"""How often a model finds triples that a sentence does not state: on unrelated mentions, negations and swaps."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relx.challenge.copies import Copy, negated_copies, swapped_copies, unrelated_pairs
from relx.challenge.negation import RULES
from relx.data.example import Entity, Example, Relation
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

    def add(self, by: str | None, false: list[str], found_before: bool | None = None) -> None:
        """Count one case under ``by``; ``false`` are its false triples as a reader can see them."""
        self.total.add(bool(false), found_before)
        if by is not None:
            self.by[by].add(bool(false), found_before)
        self.shown += false[:1] if len(self.shown) < SHOWN else []

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


def challenge_report(
    gold: Sequence[Example], predicted: Sequence[Example], extract: Callable[[list[Example]], Sequence[Example]]
) -> ChallengeReport:
    """Count false triples on gold sentences and on changed copies of them, which ``extract`` predicts.

    Mentions are compared by their tokens, relations by type and direction. A predicted triple that is not the denied
    one, such as one with another boundary, is not counted.
    """
    (negated, no_negation), (swapped, no_swap) = negated_copies(gold), swapped_copies(gold)
    answers = list(extract([copy.example for copy in (*negated, *swapped)]))
    count = len(negated)
    return ChallengeReport(
        {
            "unrelated sentences": _unrelated_sentences(gold, predicted),
            "unrelated pairs": _unrelated_pairs(gold, predicted),
            "negated": _copied(f"English, {len(RULES)} rules", negated, no_negation, predicted, answers[:count]),
            "swapped": _copied("the two mentions exchanged", swapped, no_swap, predicted, answers[count:]),
        }
    )


def _unrelated_sentences(gold: Sequence[Example], predicted: Sequence[Example]) -> Challenge:
    challenge = Challenge("two mentions or more, no relation")
    for example, answer in zip(gold, predicted, strict=True):
        if len({entity.span for entity in example.entities if entity.located}) > 1 and not example.relations:
            challenge.add(None, [_shown(answer, relation) for relation in answer.relations])
    return challenge


def _unrelated_pairs(gold: Sequence[Example], predicted: Sequence[Example]) -> Challenge:
    """Count the pairs of mentions of types that some relation of the data joins."""
    challenge = Challenge("two mentions without a relation, of types that a relation joins")
    joined = {_types((r.head, r.tail)) for example in gold for r in example.relations}
    for example, answer in zip(gold, predicted, strict=True):
        found = defaultdict(list)
        for relation in answer.relations:
            found[frozenset((relation.head.span, relation.tail.span))].append(_shown(answer, relation))
        for one, other in unrelated_pairs(example):
            if _types((one, other)) in joined:
                challenge.add(_types((one, other)), found[frozenset((one.span, other.span))])
    return challenge


def _copied(
    cases_are: str, copies: Sequence[Copy], left_out: Counter[str], predicted: Sequence[Example], answers: list[Example]
) -> Challenge:
    challenge = Challenge(cases_are, left_out=left_out)
    for copy, answer in zip(copies, answers, strict=True):
        false = [_shown(answer, relation) for relation in answer.relations if _key(relation) == _key(copy.denied)]
        before = any(_key(relation) == _key(copy.original) for relation in predicted[copy.number].relations)
        challenge.add(copy.denied.type, false, before)
    return challenge


def _key(relation: Relation) -> tuple[object, str, object]:
    return relation.head.span, relation.type, relation.tail.span


def _types(pair: Pair) -> str:
    return " and ".join(sorted(entity.type or "untyped" for entity in pair))


def _shown(example: Example, relation: Relation) -> str:
    head, tail = example.mention_text(relation.head), example.mention_text(relation.tail)
    sentence = example.text if example.text is not None else " ".join(example.tokens)
    return f"({head}, {relation.type}, {tail}) in: {sentence}"
