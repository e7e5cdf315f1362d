"""What relx asks of every head, asked of each of its own: a new head is a new line."""

from dataclasses import replace
from typing import Any

import pytest

from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.document import Document
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.heads.head import Head
from relx.predictors.documents import DocumentPredictor
from relx.registry import components
from relx.testing import HeadTestCase
from relx.testing.checks import require_same
from relx.testing.model import LOADER

HEADS: list[dict[str, Any]] = [
    {"type": "cascade", "fusion": "late", "tag_dim": 5, "task_context": "none"},
    {"type": "cascade", "fusion": "late", "context_size": 6, "pair_scorer": {"type": "pfn_mlp", "hidden_size": 6}},
    {"type": "cascade", "decoding": "nearest"},
    {"type": "casrel", "subjects": "all"},
    {"type": "descriptions", "max_width": 4, "width_dim": 3, "dropout": 0.0},
    {"type": "descriptions", "max_width": 4, "width_dim": 3, "labels": "several", "relation_negatives": 1},
    {"type": "graphrel"},
    {"type": "graphrel", "phases": 1},
    {"type": "hmt", "hidden_size": 6, "tag_dim": 5, "dropout": 0.1},
    {"type": "hmt", "hidden_size": 6, "tag_dim": 5, "dropout": 0.0, "entity_task": False, "decoding": "all_pairs"},
    {"type": "interactive", "decoders": 3, "tagger": True},
    {"type": "interactive", "decoders": 3, "tagger": True, "interactive_layer": False, "teacher_forcing": False},
    {"type": "novel_tagging", "hidden_size": 6, "decoder_size": 6, "tag_dim": 5, "dropout": 0.0},
    {"type": "pure", "max_width": 4, "width_dim": 3, "hidden_size": 16, "span_dropout": 0.0, "dropout": 0.0},
    {"type": "pure_entities", "max_width": 4, "width_dim": 3, "hidden_size": 8, "dropout": 0.0},
    {"type": "pure_relations", "dropout": 0.0},
    {"type": "questions", "dropout": 0.0},
    {"type": "rin", "rounds": 2},
    {"type": "rin", "rounds": 0, "pair_scorer": {"type": "biaffine", "hidden_size": 6}},
    {"type": "rin_v2", "rounds": 2},
    {
        "type": "spe",
        "filters": 4,
        "hidden_size": 8,
        "position_dim": 3,
        "attention_size": 6,
        "pair_size": 8,
        "dropout": 0,
    },
    {"type": "spert", "max_width": 4, "width_dim": 3, "dropout": 0.0},
    {"type": "spert", "max_width": 2, "width_dim": 3, "labels": "one", "train_on": "both", "negatives": None},
    {"type": "table"},
    {"type": "table", "tables": "both", "directions": "labels"},
    {"type": "table", "tables": "both", "global_feature": False, "cells": "view", "dropout": 0.1},
    {"type": "table_sequence", "hidden_size": 8, "layers": 2, "attention_heads": 2, "dropout": 0.0},
]
# Heads that write markers among the words, and the steps of those that need more than others.
MARKING = ("cascade", "pure", "pure_relations", "questions")
STEPS = {"questions": 80}
RELATING = (
    "cascade", "casrel", "descriptions", "graphrel", "pure", "pure_relations", "questions", "rin", "rin_v2", "spe",
    "spert", "table", "table_sequence",
)  # fmt: skip


class TestEveryHead(HeadTestCase):
    @pytest.fixture(autouse=True, params=HEADS, ids=lambda head: head["type"])
    def _each(self, request: pytest.FixtureRequest) -> None:
        self.head = request.param
        if self.head["type"] in MARKING:  # single words say nothing of markers
            self.encoder = {"type": "lstm", "hidden_size": 6}
        self.steps = STEPS.get(self.head["type"], HeadTestCase.steps)
        if "cells" in self.head:  # the choice of cells is one between features of tasks
            self.encoder = {"type": "partition_filter", "hidden_size": 6}

    def test_given_the_entities_that_it_finds_it_finds_the_same_relations(self) -> None:
        """No sentence of the test has mentions that share an anchor, or a start, which some heads cannot tell apart."""
        assert self.build().head.relates_given == (self.head["type"] in RELATING)
        if self.head["type"] in RELATING:
            model = self._talking()
            found = model.extract(self.copies(), LOADER)
            assert any(example.relations for example in found)
            given = [replace(example, relations=[]) for example in found]
            require_same(found, model.relate(given, LOADER), "given its own entities it says something else", "")

    def test_a_document_is_predicted_as_its_sentences(self) -> None:
        model = self._talking()
        texts = [" ".join(example.tokens) + "." for example in self.sentences if example.tokens]
        documents = DocumentPredictor(
            lambda parts: list(model.extract([part for part in parts if isinstance(part, Example)], DataLoader())),
            WhitespaceTokenizer(), LineSplitter(),
        )  # fmt: skip
        [made] = documents.documents([{"text": "\n".join(texts)}])
        [(_, document)] = documents.answers([(None, made)])
        assert isinstance(document, Document)
        tokens = WhitespaceTokenizer().tokenize(texts)
        alone = model.extract([Example(words) for words, _ in tokens], DataLoader())
        assert labels(document.sentences) == labels(alone)
        # Raw text has no entities to relate.
        assert documents.relations or not (model.head.finds_entities and model.head.finds_relations)


def labels(sentences: list[Example]) -> list[tuple[object, object]]:
    """The places and types of the entities and relations of each sentence."""
    return [
        ([(e.span, e.type) for e in s.entities], [(r.head.span, r.type, r.tail.span) for r in s.relations])
        for s in sentences
    ]


def test_none_is_forgotten() -> None:
    own = {name for name, c in components(Head.__kind__).items() if c.reference.module.startswith("relx.")}
    assert {head["type"] for head in HEADS} == own, "add a line to HEADS"
