"""Minimum scores act on the entities and on the relations of every head."""

from typing import Any

import pytest
from test_every_head import HEADS, STEPS

from relx.calibration.decision import Decision
from relx.calibration.min_score import MinScore
from relx.data.example import Example
from relx.heads.head import Thresholds
from relx.model import JointExtractor
from relx.testing import HeadTestCase
from relx.testing.model import LOADER

OF_EACH_TYPE = list({head["type"]: head for head in HEADS}.values())
# Heads whose score is the probability that they compare with the threshold.
SINGLE: list[dict[str, Any]] = [{"type": "table"}, {"type": "rin", "rounds": 1}, {"type": "rin_v2", "rounds": 1}]
LOW = 0.1


def talking(head: dict[str, Any]) -> tuple[JointExtractor, list[Example]]:
    """A model that finds relations, and its sentences."""
    case = HeadTestCase()
    case.head = head
    case.encoder = {"type": "lstm", "hidden_size": 6} if head["type"] in ("cascade", "questions") else None
    case.steps = STEPS.get(head["type"], HeadTestCase.steps)
    if "cells" in head:
        case.encoder = {"type": "partition_filter", "hidden_size": 6}
    return case._talking(), case.copies()


def decided(model: JointExtractor, examples: list[Example], min_score: MinScore | None = None) -> list[Example]:
    decision = Decision(model.head.thresholds, model.vocabulary, None, min_score)
    return [decision(example) for example in model.extract(examples, LOADER, at=decision.at)]


def said(examples: list[Example]) -> list[tuple[set[Any], set[Any]]]:
    """Entities and relations with their scores, to three digits."""
    return [
        (
            {(*e.span, e.type, round(e.score or 0, 3)) for e in example.entities},
            {(r.head.span, r.type, r.tail.span, round(r.score or 0, 3)) for r in example.relations},
        )
        for example in examples
    ]


@pytest.mark.parametrize("head", OF_EACH_TYPE, ids=lambda head: head["type"])
def test_both_thresholds_act(head: dict[str, Any]) -> None:
    model, examples = talking(head)
    plain = decided(model, examples)
    assert said(plain) == said(model.extract(examples, LOADER))
    finds = {"entities": model.head.finds_entities, "relations": model.head.finds_relations}
    for task in (task for task, found in finds.items() if found):
        scores = sorted(item.score for example in plain for item in getattr(example, task))
        middle = (scores[0] + scores[-1]) / 2 + 1e-9  # equal scores are all below it
        bounded = decided(model, examples, {task: middle})
        kept = [item.score for example in bounded for item in getattr(example, task)]
        assert len(kept) < len(scores)
        assert all(score >= middle for score in kept)
        if task == "entities":
            assert all({r.head, r.tail} <= set(example.entities) for example in bounded for r in example.relations)


@pytest.mark.parametrize("head", SINGLE, ids=lambda head: head["type"])
@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_deciding_on_more_candidates_equals_decoding_at_the_threshold(head: dict[str, Any], threshold: float) -> None:
    model, examples = talking(head)
    own = model.head.thresholds
    candidates = model.extract(examples, LOADER, at=Thresholds(LOW, LOW))
    bounds = {"relations": threshold} | ({"entities": threshold} if own.entities else {})
    decision = Decision(own, model.vocabulary, None, bounds)
    model.head.thresholds = Thresholds(threshold if own.entities else 0.0, threshold)
    assert said([decision(example) for example in candidates]) == said(model.extract(examples, LOADER))
