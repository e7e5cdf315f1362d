"""``relx select``: the sentences of a pool that are most worth annotating.

A sentence counts by what the models have not decided about it. Each candidate, an entity or a relation, counts from 0
(a probability of 0 or 1) to 1 (a probability of one half); of several models the mean probability is taken, and the
distance between the largest and the smallest probability is added. From the sentences with the largest sums those are
chosen, one after the other, that are far from all chosen before, in the space of the first model's encoder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relx.commands.common import add_device_argument, add_include_argument, include_plugins, open_output
from relx.errors import ConfigError, DataError
from relx.utils.text import counted

if TYPE_CHECKING:
    import numpy as np

    from relx.data.example import Entity, Example
    from relx.predictors.predictor import Predictor

LEAST_SCORE = 0.05
"""Candidates of a lower score count as decided."""
SHORTLIST = 4
"""The choice by distance considers this many times the number of chosen sentences."""
KEY = "selected"
SHOWN = 2

Candidate = tuple[str, str]
"""The type of a prediction, and its words."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "archives", nargs="+", metavar="ARCHIVE", help="a model.tar.gz; several, such as of other seeds"
    )
    parser.add_argument("pool", metavar="POOL", help="sentences of any form, labeled or not: a file, or brat's folder")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="how many to choose (default: %(default)s)")
    parser.add_argument("--text", action="store_true", help="the lines of POOL are plain text")
    parser.add_argument("--reader", metavar="READER", help="the form of POOL (default: recognized by content)")
    parser.add_argument("--output", metavar="FILE", help="write here (default: standard output)")
    add_device_argument(parser, "predict")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the sentences, the most useful first. Raises PluginError, ArchiveError, ConfigError, DataError."""
    if args.count < 1:
        raise ConfigError(f"--count {args.count}: expected a number of sentences, at least 1")
    include_plugins(args)

    from relx.data.json_form import example_to_json, to_line
    from relx.predictors.predictor import Predictor
    from relx.predictors.texts import texts_of

    predictors = [Predictor.load(archive, args.device) for archive in args.archives]
    pool = list(texts_of(args.pool, predictors[0], args.text, args.reader))
    chosen = select(predictors, pool, args.count)
    if not chosen:
        raise DataError(f"{args.pool}: holds no sentence with a token")
    with open_output(args.output) as out:
        for sentence in chosen:
            out.write(to_line(example_to_json(sentence.to_example())) + "\n")
    print(f"{args.pool}: {counted(len(chosen), 'sentence')} of {len(pool):,} chosen", file=sys.stderr)
    return 0


@dataclass(frozen=True)
class Selected:
    """A chosen sentence, and why.

    ``undecided`` is the sum over its candidates, ``disagreement`` that of the distances between models; ``distance``
    is that to the nearest sentence chosen before, from 0 to 1.
    """

    example: Example
    undecided: float
    disagreement: float
    distance: float
    reason: str

    def to_example(self) -> Example:
        """Return the sentence without labels, with all this as ``selected`` in its ``meta``."""
        facts = {"undecided": self.undecided, "disagreement": self.disagreement, "distance": self.distance}
        selected = {**{name: round(value, 3) for name, value in facts.items()}, "reason": self.reason}
        return replace(self.example.unlabeled(), meta={**(self.example.meta or {}), KEY: selected})


def select(predictors: Sequence[Predictor], pool: Sequence[Example], count: int) -> list[Selected]:
    """Return ``count`` sentences of a pool, the most useful first; fewer if the pool has fewer with different words.

    Raises RelxError for a sentence that cannot be predicted.
    """
    pool = list({tuple(example.tokens): example for example in reversed(pool) if example.tokens}.values())[::-1]
    if not pool:
        return []
    import numpy as np

    predicted = [_predicted(predictor, pool) for predictor in predictors]
    # A model that gives no types agrees with others on the places of entities at most.
    typed = all(entity.type is not None for found in predicted for example in found for entity in example.entities)
    scores = [[dict(_candidates(example, typed)) for example in found] for found in predicted]
    undecided, disagreement = np.zeros(len(pool)), np.zeros(len(pool))
    reasons = []
    for number, of_models in enumerate(zip(*scores, strict=True)):
        known = dict.fromkeys(candidate for of_model in of_models for candidate in of_model)
        table = {candidate: [of_model.get(candidate, 0.0) for of_model in of_models] for candidate in known}
        undecided[number] = sum(_undecided(values) for values in table.values())
        disagreement[number] = sum(max(values) - min(values) for values in table.values())
        reasons.append(_reason(table))
    value = undecided + disagreement
    chosen = spread(value, _vectors(predictors[0], pool), count)
    return [
        Selected(pool[i], float(undecided[i]), float(disagreement[i]), distance, reasons[i]) for i, distance in chosen
    ]


def _predicted(predictor: Predictor, pool: Sequence[Example]) -> list[Example]:
    """Return the candidates of each sentence as entities and relations; the predictions of a head without scores."""
    try:
        return list(predictor.predict(pool, min_score=LEAST_SCORE))
    except ConfigError:  # the head gives no scores
        return list(predictor.predict(pool))


def _candidates(example: Example, typed: bool) -> Iterator[tuple[Candidate, float]]:
    """Yield each candidate with its probability: 1 where a head gives no scores."""

    def words(entity: Entity) -> str:
        return example.mention_text(entity)

    for entity in example.entities:
        yield (str(entity.type) if typed else "entity", words(entity)), 1.0 if entity.score is None else entity.score
    for relation in example.relations:
        score = 1.0 if relation.score is None else relation.score
        yield (relation.type, f"{words(relation.head)}, {words(relation.tail)}"), score


def _undecided(values: Sequence[float]) -> float:
    return 1 - abs(2 * sum(values) / len(values) - 1)


def _reason(table: Mapping[Candidate, Sequence[float]]) -> str:
    """Return the candidates that count most, with their probabilities."""
    counts = {candidate: (_undecided(values), max(values) - min(values)) for candidate, values in table.items()}
    ranked = sorted(counts, key=lambda candidate: -sum(counts[candidate]))
    ranked = [candidate for candidate in ranked if sum(counts[candidate]) >= LEAST_SCORE]
    if not ranked:
        return "nothing is undecided; unlike the sentences chosen before"
    disagreed = counts[ranked[0]][1] >= counts[ranked[0]][0]
    shown = [f"{type}({words}) {_range(table[type, words])}" for type, words in ranked[:SHOWN]]
    more = f" and {len(ranked) - SHOWN} more" if len(ranked) > SHOWN else ""
    return f"{'the models disagree' if disagreed else 'undecided'}: {', '.join(shown)}{more}"


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def _vectors(predictor: Predictor, pool: Sequence[Example]) -> np.ndarray:
    """Return a unit vector for each sentence: the mean of its encoded tokens, less that of all sentences."""
    import numpy as np
    import torch

    annotated = predictor.archive.parts.annotated([*pool])
    vectors = torch.stack(predictor.model.vectors(annotated, predictor.loader)).numpy()
    vectors = vectors - vectors.mean(axis=0)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def spread(value: np.ndarray, vectors: np.ndarray, count: int) -> list[tuple[int, float]]:
    """Return the rows of the chosen sentences, each with its distance to the nearest one chosen before."""
    import numpy as np

    rows = np.argsort(-value, kind="stable")[: count * SHORTLIST]
    value, vectors = value[rows] + 1e-6, vectors[rows]
    distance = np.ones(len(rows))
    chosen: list[tuple[int, float]] = []
    for _ in range(min(count, len(rows))):
        best = int(np.argmax(value * distance))
        chosen.append((int(rows[best]), float(distance[best])))
        distance = np.minimum(distance, np.clip((1 - vectors @ vectors[best]) / 2, 0, 1))
        value[best] = -1
        distance[best] = 1
    return chosen
