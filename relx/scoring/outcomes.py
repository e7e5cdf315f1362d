"""What became of each triple: gold and predicted triples in pairs, each correct or an error of one kind."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from relx.data.example import Entity, Example, Relation
from relx.scoring.checks import check_same_sentences, check_typed
from relx.scoring.protocols import Key, Protocol, find_protocol

CORRECT = "correct"
TYPE, DIRECTION, RELATION, BOUNDARY = "wrong type", "wrong direction", "wrong relation", "wrong boundary"
SPURIOUS, MISSED = "spurious", "missed"
KINDS = {
    TYPE: "the same relation between the same two mentions, of which one or both have another entity type",
    DIRECTION: "the same relation between the same two mentions, with head and tail exchanged",
    RELATION: "another relation between the same two mentions, in either direction",
    BOUNDARY: "the same relation, and each of its mentions shares a token with its counterpart in gold",
    SPURIOUS: "a predicted triple that no gold triple of the sentence resembles in one of these ways",
    MISSED: "a gold triple that no predicted triple of the sentence resembles in one of these ways",
}


class Outcome(NamedTuple):
    """A gold triple with the predicted one that belongs to it; one of the two is None in a missed or spurious triple.

    ``kind`` is ``CORRECT`` or one of ``KINDS``. ``sentence`` is the position of the sentence in the corpus.
    """

    kind: str
    sentence: int
    gold: Relation | None
    predicted: Relation | None


def outcomes(gold: Sequence[Example], predicted: Sequence[Example], protocol: str) -> list[Outcome]:
    """Pair the gold and the predicted triples of each sentence, each with at most one of the other side.

    Triples that are equal under the protocol are correct. The others are compared in the order of ``KINDS``: a pair of
    the first kind that fits is taken, predictions with a high score first, and of several wrong boundaries the one that
    shares the most tokens. "The same mentions" are those that the protocol takes as equal, entity types aside. What is
    left is spurious or missed. So the numbers agree with ``score``: correct triples plus all errors with a gold triple
    are the gold triples, and correct triples plus all errors with a predicted triple are the predicted triples. As
    there, repeated triples count once unless the protocol counts repetitions; the one with the best score is kept.

    Raises DataError as ``score`` does.
    """
    check_same_sentences(gold, predicted)
    rule = find_protocol(protocol)
    if rule.typed:
        check_typed(gold)
    return [
        outcome
        for number, pair in enumerate(zip(gold, predicted, strict=True))
        for outcome in _Sentence(rule, number, *pair).outcomes()
    ]


class _Sentence:
    """Gold and predicted triples of one sentence; those that are not in a pair yet are in ``missed`` and ``left``."""

    def __init__(self, rule: Protocol, number: int, gold: Example, predicted: Example) -> None:
        self.rule, self.number, self.gold, self.predicted = rule, number, gold, predicted
        self.missed, self.left = (_counted(rule, example) for example in (gold, predicted))
        self.pairs: list[Outcome] = []

    def outcomes(self) -> list[Outcome]:
        self._take_correct()
        if self.missed and self.left:
            for kind, points in ((TYPE, _same_type), (DIRECTION, _reversed), (RELATION, _renamed), (BOUNDARY, _shared)):
                self._take(kind, points)
        spurious = [Outcome(SPURIOUS, self.number, None, relation) for relation in self.left]
        return self.pairs + spurious + [Outcome(MISSED, self.number, relation, None) for relation in self.missed]

    def _take_correct(self) -> None:
        wanted: defaultdict[Key, list[Relation]] = defaultdict(list)
        for relation in filter(self._can_match, self.missed):
            wanted[self.rule.key(self.gold, relation)].append(relation)
        for predicted in list(filter(self._can_match, self.left)):
            if equal := wanted[self.rule.key(self.predicted, predicted)]:
                self._pair(CORRECT, equal.pop(0), predicted)

    def _take(self, kind: str, points: "Points") -> None:
        """Take each prediction with the gold triple that has the most points, if one has any."""
        for predicted in list(filter(self._can_match, self.left)):
            rated = [(points(self, gold, predicted), gold) for gold in self.missed if self._can_match(gold)]
            best, gold = max(rated, key=lambda pair: pair[0], default=(0, None))
            if best and gold is not None:
                self._pair(kind, gold, predicted)

    def _pair(self, kind: str, gold: Relation, predicted: Relation) -> None:
        self.pairs.append(Outcome(kind, self.number, gold, predicted))
        self.missed.remove(gold)
        self.left.remove(predicted)

    def _can_match(self, relation: Relation) -> bool:
        return relation.located or not self.rule.located

    def same(self, gold: Relation, predicted: Relation) -> bool:
        """Return whether two triples are equal with their entity types left aside."""
        pair = ((self.gold, gold), (self.predicted, predicted))
        keys = [self.rule.key(example, _untyped(relation)) for example, relation in pair]
        return keys[0] == keys[1]


Points = Callable[[_Sentence, Relation, Relation], int]


def _same_type(sentence: _Sentence, gold: Relation, predicted: Relation) -> int:
    return sentence.same(gold, predicted)


def _reversed(sentence: _Sentence, gold: Relation, predicted: Relation) -> int:
    return sentence.same(gold, predicted._replace(head=predicted.tail, tail=predicted.head))


def _renamed(sentence: _Sentence, gold: Relation, predicted: Relation) -> int:
    renamed = predicted._replace(type=gold.type)
    return _same_type(sentence, gold, renamed) or _reversed(sentence, gold, renamed)


def _shared(sentence: _Sentence, gold: Relation, predicted: Relation) -> int:
    if gold.type != predicted.type:
        return 0
    ways = [(predicted.head, predicted.tail)]
    if predicted.type in sentence.rule.symmetric:
        ways.append((predicted.tail, predicted.head))
    shared = [(_shared_tokens(gold.head, head), _shared_tokens(gold.tail, tail)) for head, tail in ways]
    return max(sum(pair) if all(pair) else 0 for pair in shared)


def _shared_tokens(one: Entity, other: Entity) -> int:
    if not one.located or not other.located:
        return 0
    return max(0, min(one.span[1], other.span[1]) - max(one.span[0], other.span[0]))


def _untyped(relation: Relation) -> Relation:
    return relation._replace(head=relation.head._replace(type=None), tail=relation.tail._replace(type=None))


def _counted(rule: Protocol, example: Example) -> list[Relation]:
    """Return the triples that count, those with the best scores first."""
    ordered = sorted(example.relations, key=lambda relation: -(relation.score or 0.0))
    if rule.multiset:
        return ordered
    first: dict[Key, Relation] = {}
    for relation in ordered:
        first.setdefault(rule.key(example, relation), relation)
    return list(first.values())
