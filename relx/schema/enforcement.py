"""Which relations of a text break a schema, and which of them to keep."""

from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from relx.data.document import normalized_name
from relx.schema.schema import RelationRules, Schema

Rule = Literal["types", "self", "symmetric", "functional"]


class Argument(NamedTuple):
    """An argument of a relation: the type of its mention, None if unknown, and its words."""

    type: str | None
    words: str

    @property
    def entity(self) -> Hashable:
        """What mentions of one entity have in common: their type, and their words up to case, width and blanks."""
        return self.type, normalized_name(self.words)


class Fact(NamedTuple):
    """A relation of a text, as a schema judges it."""

    head: Argument
    type: str
    tail: Argument
    score: float | None = None

    def __str__(self) -> str:
        score = "" if self.score is None else f" ({self.score:.2f})"
        return f"{self.head.words} --{self.type}-> {self.tail.words}{score}"


class Dropped(NamedTuple):
    """The place of a relation that is not kept, the rule that it breaks, and the kept relation that it is against."""

    place: int
    rule: Rule
    kept: int | None = None

    def reason(self, facts: Sequence[Fact]) -> str:
        """Return what is dropped and why, in one line."""
        fact = facts[self.place]
        if self.kept is not None:
            return f"{fact} breaks {self.rule}: {facts[self.kept]} is kept"
        types = " to ".join(type or "?" for type in (fact.head.type, fact.tail.type))
        return f"{fact} breaks {self.rule}: " + (types if self.rule == "types" else "an entity to itself")


def enforce(schema: Schema, facts: Sequence[Fact]) -> list[Dropped]:
    """Return the relations of one text to drop, by place, so that the others follow the schema.

    Relations are judged from the best score to the worst, equal ones in their order. One is dropped if it breaks a rule
    by itself or together with one that is kept. So each dropped one has a reason, and none could be added again.
    """
    kept = _Kept()
    order = sorted(range(len(facts)), key=lambda place: -(facts[place].score or 0.0))
    judged = (kept.judge(place, facts[place], schema.relations.get(facts[place].type)) for place in order)
    return sorted(dropped for dropped in judged if dropped is not None)


class _Kept:
    """The relations kept so far, by what further ones can be against."""

    def __init__(self) -> None:
        self.pairs: dict[Hashable, int] = {}
        self.tails: dict[Hashable, tuple[Hashable, int]] = {}

    def judge(self, place: int, fact: Fact, rules: RelationRules | None) -> Dropped | None:
        """Keep a relation, or return why it is dropped."""
        head, tail = fact.head.entity, fact.tail.entity
        if rules is not None:
            if not _fits(fact, rules):
                return Dropped(place, "types")
            if rules.self is False and head == tail:
                return Dropped(place, "self")
            opposite = self.pairs.get((fact.type, tail, head))
            if rules.symmetric is False and opposite is not None and head != tail:
                return Dropped(place, "symmetric", opposite)
            known, other = self.tails.get((fact.type, head), (tail, None))
            if rules.functional and known != tail:
                return Dropped(place, "functional", other)
        self.pairs.setdefault((fact.type, head, tail), place)
        self.tails.setdefault((fact.type, head), (tail, place))
        return None


def _fits(fact: Fact, rules: RelationRules) -> bool:
    """Return whether an allowed pair has the types of the arguments; an unknown type fits each."""
    if rules.types is None:
        return True
    given = (fact.head.type, fact.tail.type)
    return any(all(type in (None, one) for type, one in zip(given, pair, strict=True)) for pair in rules.types)
