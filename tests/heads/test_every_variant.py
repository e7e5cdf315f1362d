"""Every variant of every head learns one sentence with two triples by heart: the loss's minimum decodes to the gold.

A variant whose form cannot hold both triples learns one of them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sentences import sentence, spans

from relx import config
from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Head
from relx.heads.pair_scorers import PairScorer
from relx.model import JointExtractor
from relx.registry import Component, components
from relx.registry.signature import Choice, Either, Parameter, Part, Scalar
from relx.testing.model import MODEL
from relx.training.checks.oracle import oracle_check

pytestmark = pytest.mark.slow

GOLD = sentence("Ada left Rome while Bob stayed in Oslo", ((0, 1), "left", (2, 3)), ((4, 5), "stayed_in", (7, 8)))
ONE, SELF = (sentence("Ada left Rome while Bob stayed in Oslo", ((0, 1), "left", t)) for t in ((2, 3), (0, 1)))
SIZES = {
    "hidden_size": 16,
    "decoder_size": 8,
    "tag_dim": 6,
    "dropout": 0.0,
    "span_dropout": 0.0,
    "relation_weight": 1.0,
    "rounds": 1,
    "decoders": 2,
}
# Early fusion has no size, and refuses the options of late fusion.
BASES = {"cascade": {"fusion": "late"}}
# Tested elsewhere: these need another encoder, or have no default of this form.
ELSEWHERE = {
    ("cascade", "joint"), ("table", "cells"), ("pure", "markers"), ("pure_relations", "markers"),
    ("pure_relations", "agree"), ("table_sequence", "attention"),
}  # fmt: skip
# A sum of -log p below log 2: each decision of the loss has a probability above a half.
EVERY_DECISION_RIGHT = 0.6
# Heads whose loss is a mean: over the 36 spans of the sentence and over its pairs, or over the tokens of questions.
MEANS = {"spert", "descriptions", "questions"}
# Two small layers of ReLU die at the learning rate of the others.
RATES = {"pure": 0.005, "pure_entities": 0.005, "spe": 0.01}
PUBLISHED: list[dict[str, Any]] = [
    {"type": "interactive", "interactive_layer": False, "copy_score": "linear", "attention": "linear",
     "allow_self": False, "weights": "shared", "start": "carried"},
    {"type": "interactive", "interactive_layer": False, "copy_score": "selu", "attention": "linear", "tagger": True,
     "allow_self": False, "teacher_forcing": False},
    {"type": "cascade", "fusion": "late", "task_context": "none", "subject_vectors": True, "decoding": "nearest"},
    {"type": "cascade", "fusion": "early"},
    {"type": "cascade", "joint": False},
    {"type": "cascade", "fusion": "early", "decoding": "nearest", "subjects": "gold"},
    {"type": "casrel", "conditioning": "concatenated", "subjects": "all"},
    {"type": "pure_relations", "dropout": 0.0, "order": "in_text", "agree": "product"},
    {"type": "pure_relations", "dropout": 0.0, "order": "in_text", "agree": "most_certain"},
    {"type": "rin", "rounds": 0, "projections": False},
    {"type": "rin", "rounds": 2, "pair_scorer": {"type": "concat_mlp", "bias": -3.0}},
    {"type": "rin_v2", "rounds": 0},
    {"type": "table", "tables": "both", "global_feature": False, "pair_scorer": {"type": "decomposed", "bias": -3.0}},
    {"type": "graphrel", "threshold": 0.5},
]  # fmt: skip


def values(parameter: Parameter) -> list[Any]:
    """The values other than the default of an option that changes a head's structure."""
    if isinstance(parameter.schema, Choice):
        every: list[Any] = list(parameter.schema.values)
    elif parameter.schema == Scalar("bool"):
        every = [True, False]
    elif isinstance(parameter.schema, Either) and _takes_scorer(parameter.schema):
        every = [{"type": name, "bias": -3.0} for name in components(PairScorer.__kind__)]
    else:
        every = []
    return [value for value in every if value != parameter.default]


def _takes_scorer(schema: Either) -> bool:
    return any(isinstance(o, Part) and o.reference == PairScorer.__kind__.reference for o in schema.options)


def variants() -> Iterator[Any]:
    for name, component in components(Head.__kind__).items():
        if component.reference.module.startswith("relx."):
            base = {"type": name, **BASES.get(name, sizes(component))}
            yield pytest.param(base, id=name)
            for parameter in component.parameters:
                for value in () if (name, parameter.name) in ELSEWHERE else values(parameter):
                    shown = value["type"] if isinstance(value, dict) else value
                    yield pytest.param({**base, parameter.name: value}, id=f"{name}-{parameter.name}={shown}")
    for head in PUBLISHED:
        yield pytest.param(head, id="-".join([head["type"], *(key for key in head if key != "type")]))


def sizes(component: Component) -> dict[str, Any]:
    return {name: size for name, size in SIZES.items() if name in {p.name for p in component.parameters}}


def untrained(head: dict[str, Any]) -> JointExtractor:
    torch.manual_seed(5)
    vocabulary = Vocabulary([GOLD])
    described = {
        "embedder": {"type": "words", "dim": 16}, "encoder": {"type": "lstm", "hidden_size": 8}, "head": head,
    }  # fmt: skip
    config.require_valid(described, MODEL, "the model")
    model: JointExtractor = config.build(described, MODEL, vocabulary=vocabulary)
    vocabulary.close()
    return model


def final_loss(model: JointExtractor, gold: Example, lr: float, enough: float) -> float:
    """The loss of the sentence after 200 steps, or as soon as it shows that every decision is right."""
    batch = TensorDataset([gold], model.index_labeled).batch([0])
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(200):
        optimizer.zero_grad()
        loss = model.train()(batch)
        if loss.item() < enough:
            break
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("head", list(variants()))
def test_it_learns_two_triples_by_heart(head: dict[str, Any]) -> None:
    model = untrained(head)
    gold, oracle = GOLD, oracle_check(model.head, [GOLD], "exact_span")
    assert oracle.faults == []
    if oracle.at_most:  # no weights return both triples: the head must learn one of them
        assert oracle.report.triples.f1 < 1
        gold = next(one for one in (ONE, SELF) if not model.head.limits(one))
        assert oracle_check(model.head, [gold], "exact_span").report.triples.f1 == 1
    enough = EVERY_DECISION_RIGHT / 36 if head["type"] in MEANS else EVERY_DECISION_RIGHT
    rate = 0.03 if head.get("task_context") == "global_feature" else RATES.get(head["type"], 0.05)
    loss = final_loss(model, gold, rate, enough)
    (found,) = model.extract([gold], DataLoader())
    assert loss < enough
    if oracle.finds_relations:
        assert sorted(spans(found)) == sorted(spans(gold))
    else:
        assert {entity.span for entity in found.entities} == {entity.span for entity in gold.entities}
