"""Challenge sentences from labeled ones: negated copies, and copies with swapped mentions."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from relx.challenge.negation import is_subject, negation
from relx.challenge.rewrite import Edit, Rewriting, can_rewrite, words, words_of
from relx.data.example import Entity, Example, Relation
from relx.scoring.protocols import SYMMETRIC_TYPES

UNDIRECTED = 0.1  # share of triples that are also stated the other way round; below it they are slips of annotators


class Copy(NamedTuple):
    """A changed copy of sentence ``number``: its gold labels, and the triple that it no longer states.

    ``original`` is that triple in the sentence itself. ``sure`` says whether all other labels of the copy still hold.
    """

    number: int
    example: Example
    denied: Relation
    original: Relation
    sure: bool


class LeftOut(NamedTuple):
    """A triple of sentence ``number`` that has no copy, and the reason."""

    number: int
    relation: Relation
    reason: str


def negated_copies(examples: Sequence[Example]) -> tuple[list[Copy], list[LeftOut]]:
    """Return a copy for each triple whose verb a rule of ``negation`` negates, and why the others have none."""
    copies: list[Copy] = []
    left_out: list[LeftOut] = []
    for number, example in enumerate(examples):
        for relation in example.relations:
            reason = _cannot_change(example, relation)
            first, last = _in_order(relation)
            if reason is None and not is_subject(example.tokens[: first.span[0]]):
                reason = "the verb may have another subject"
            found = None if reason else negation(example.tokens[first.span[1] : last.span[0]])
            if found is None:
                left_out.append(LeftOut(number, relation, reason or "no rule for the words between the mentions"))
                continue
            shift = first.span[1]
            edit = Edit(found.start + shift, found.end + shift, words(*found.tokens))
            copies.append(_negated(number, example, relation, edit))
    return copies, left_out


def swapped_copies(examples: Sequence[Example]) -> tuple[list[Copy], list[LeftOut]]:
    """Return a copy for each triple with mentions of one type that exchanges their words, and why others have none.

    The relation stays where it is: "Ann hired Bob" becomes "Bob hired Ann", which no longer states (Ann, hired, Bob).
    """
    symmetric = _undirected(examples)
    copies: list[Copy] = []
    left_out: list[LeftOut] = []
    for number, example in enumerate(examples):
        for relation in example.relations:
            reason = _cannot_change(example, relation) or _cannot_swap(example, relation, symmetric)
            if reason:
                left_out.append(LeftOut(number, relation, reason))
                continue
            first, last = _in_order(relation)
            edits = [
                Edit(*first.span, words_of(example, last)),
                Edit(*last.span, words_of(example, first)),
            ]
            changed = Rewriting(example, edits)
            denied = changed.moved_relation(relation._replace(head=relation.tail, tail=relation.head))
            copies.append(Copy(number, changed.example, denied, relation, sure=True))
    return copies, left_out


def unrelated_pairs(example: Example) -> list[tuple[Entity, Entity]]:
    """Return the pairs of disjoint mentions of different texts that no triple joins, neither by place nor by text."""
    joined = {frozenset((r.head.span, r.tail.span)) for r in example.relations if r.located}
    texts = {frozenset(_texts(example, r.head, r.tail)) for r in example.relations}
    mentions = list({entity.span: entity for entity in example.entities if entity.located}.values())
    return [
        (one, other)
        for place, one in enumerate(mentions)
        for other in mentions[place + 1 :]
        if not overlaps(one, *other.span)
        and frozenset((one.span, other.span)) not in joined
        and len(_texts(example, one, other)) > 1
        and frozenset(_texts(example, one, other)) not in texts
    ]


def _negated(number: int, example: Example, relation: Relation, edit: Edit) -> Copy:
    pair = {relation.head.span, relation.tail.span}
    kept = [r for r in example.relations if not r.located or {r.head.span, r.tail.span} != pair]
    sure = not any(r.located and _crosses(r, edit.start) for r in kept)
    copy = Example(
        example.tokens, example.entities, kept, example.text, example.offsets, id=example.id, meta=example.meta,
        context=example.context,
    )  # fmt: skip
    changed = Rewriting(copy, [edit])
    return Copy(number, changed.example, changed.moved_relation(relation), relation, sure)


def _cannot_change(example: Example, relation: Relation) -> str | None:
    if not relation.located:
        return "a mention is not in the sentence"
    if not can_rewrite(example):
        return "a mention is not made of whole tokens"
    if overlaps(relation.head, *relation.tail.span):
        return "the mentions overlap"
    first, last = _in_order(relation)
    if any(overlaps(mention, first.span[1], last.span[0]) for mention in located_mentions(example)):
        return "another mention between the two"
    return None


def _cannot_swap(example: Example, relation: Relation, symmetric: set[str]) -> str | None:
    head, tail = relation.head, relation.tail
    if head.type is None or head.type != tail.type:
        return "the mentions have different types, or none"
    if relation.type in symmetric:
        return "the relation has no direction"
    first, last = _in_order(relation)
    if not any(token.isalpha() for token in example.tokens[first.span[1] : last.span[0]]):
        return "no word between the mentions"
    if len(_texts(example, head, tail)) == 1:
        return "the mentions have the same text"
    others = (
        m for m in located_mentions(example) if (m.span, m.type) not in ((head.span, head.type), (tail.span, tail.type))
    )
    if any(overlaps(mention, *argument.span) for mention in others for argument in (head, tail)):
        return "another mention overlaps one of the two"
    return None


def _in_order(relation: Relation) -> list[Entity]:
    return sorted((relation.head, relation.tail), key=lambda mention: mention.start or 0)


def _undirected(examples: Sequence[Example]) -> set[str]:
    """Return the relation types of which the data often states both directions of one pair, and those known as such."""
    triples = {
        (number, r.head.span, r.type, r.tail.span)
        for number, example in enumerate(examples)
        for r in example.relations
        if r.located
    }
    all_of = Counter(type for _, _, type, _ in triples)
    both = Counter(type for number, head, type, tail in triples if (number, tail, type, head) in triples)
    return {type for type, count in both.items() if count > UNDIRECTED * all_of[type]}.union(SYMMETRIC_TYPES)


def located_mentions(example: Example) -> list[Entity]:
    """Return the distinct mentions that have a place."""
    return [mention for mention in example.mentions() if mention.located]


def overlaps(mention: Entity, start: int, end: int) -> bool:
    """Return whether a located mention has one of the tokens ``start`` to ``end`` (exclusive)."""
    return mention.span[0] < end and mention.span[1] > start


def _crosses(relation: Relation, place: int) -> bool:
    first, last = sorted((relation.head.span, relation.tail.span))
    return first[1] <= place <= last[0]


def _texts(example: Example, *mentions: Entity) -> set[str]:
    return {example.mention_text(mention).casefold() for mention in mentions}
