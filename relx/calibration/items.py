"""Predictions as vectors of scores, each with whether it is correct."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from relx.calibration.reliability import calibration_error, reliability
from relx.data.example import Example
from relx.scoring.counts import Counts
from relx.scoring.protocols import Protocol
from relx.scoring.report import entity_key

DRAWS = 100


@dataclass(frozen=True)
class Items:
    """Hold predictions as vectors: ``sentence``, ``type``, ``score`` and ``correct``; ``gold`` counts by type."""

    sentence: np.ndarray
    type: np.ndarray
    score: np.ndarray
    correct: np.ndarray
    gold: Counter[str | None]

    def __len__(self) -> int:
        return len(self.score)

    def select(self, which: np.ndarray) -> "Items":
        """Return some of the predictions, by a mask."""
        return Items(self.sentence[which], self.type[which], self.score[which], self.correct[which], self.gold)

    def of_type(self, type: str | None) -> "Items":
        """Return the predictions and the gold of one type."""
        part = self.select(self.type == type)
        return Items(part.sentence, part.type, part.score, part.correct, Counter({type: self.gold[type]}))

    def pairs(self) -> Iterable[tuple[float, bool]]:
        """Return the score of each prediction, and whether it is correct."""
        return zip(self.score.tolist(), self.correct.tolist(), strict=True)

    @property
    def error(self) -> float | None:
        """The expected calibration error; None without predictions."""
        return calibration_error(reliability(self.pairs())) if len(self) else None

    @property
    def least_error(self) -> float | None:
        """The mean calibration error that these scores would have if they were the true probabilities.

        So many predictions cannot show a smaller one: a share of correct predictions varies by chance.
        """
        draws = np.random.default_rng(0)
        errors = [replace(self, correct=draws.random(len(self)) < self.score).error for _ in range(DRAWS)]
        return sum(error or 0.0 for error in errors) / DRAWS if len(self) else None

    @property
    def counts(self) -> Counts:
        """How many are predicted, gold and correct."""
        return Counts(len(self), self.gold.total(), int(self.correct.sum()))


Judged = tuple[int, str | None, float | None, Hashable]


def relation_items(gold: Sequence[Example], predicted: Sequence[Example], rule: Protocol) -> Items:
    """Judge predicted relations as a protocol counts them."""

    def keyed(examples: Sequence[Example], side: str) -> Iterable[Judged]:
        for number, example in enumerate(examples):
            for relation in example.relations:
                mark = side if rule.located and not relation.located else None
                yield number, relation.type, relation.score, (rule.key(example, relation), mark)

    return _judged(keyed(gold, "gold"), keyed(predicted, "predicted"), rule.multiset)


def entity_items(gold: Sequence[Example], predicted: Sequence[Example]) -> Items:
    """Judge predicted entities as every score of entities does."""
    key, _ = entity_key(gold, predicted)

    def keyed(examples: Sequence[Example], side: str) -> Iterable[Judged]:
        for number, example in enumerate(examples):
            for entity in example.entities:
                yield number, entity.type, entity.score, (key(example, entity), None if entity.located else side)

    return _judged(keyed(gold, "gold"), keyed(predicted, "predicted"), multiset=False)


def _judged(gold: Iterable[Judged], predicted: Iterable[Judged], multiset: bool) -> Items:
    """Match predictions, the best scored first, with gold ones of equal key; without ``multiset`` each key once."""
    wanted: Counter[tuple[int, Hashable]] = Counter()
    of_type: dict[tuple[int, Hashable], str | None] = {}
    for sentence, type, _, key in gold:
        of_type[sentence, key] = type
        wanted[sentence, key] = wanted[sentence, key] + 1 if multiset else 1
    by_type = Counter(type for item, type in of_type.items() for _ in range(wanted[item]))
    rows, seen = [], set()
    for sentence, type, score, key in sorted(predicted, key=lambda item: -(item[2] or 0.0)):
        if multiset or (sentence, key) not in seen:
            rows.append((sentence, type, score or 0.0, wanted[sentence, key] > 0))
            wanted[sentence, key] -= 1
            seen.add((sentence, key))
    sentences, types, scores, correct = zip(*rows, strict=True) if rows else ((), (), (), ())
    kinds = np.array([*types, None], dtype=object)[:-1]  # an array of objects also where all types are equal
    return Items(np.array(sentences, int), kinds, np.array(scores, float), np.array(correct, bool), by_type)
