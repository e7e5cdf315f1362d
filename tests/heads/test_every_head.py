"""What relx asks of every head, asked of each of its own: a new head is a new line."""

from typing import Any

import pytest

from relx.heads.head import Head
from relx.registry import components
from relx.testing import HeadTestCase

HEADS: list[dict[str, Any]] = [
    {"type": "cascade", "fusion": "late", "tag_dim": 5, "task_context": "none"},
    {"type": "cascade", "fusion": "late", "context_size": 6, "pair_scorer": {"type": "pfn_mlp", "hidden_size": 6}},
    {"type": "cascade", "decoding": "nearest"},
    {"type": "casrel", "subjects": "all"},
    {"type": "graphrel"},
    {"type": "graphrel", "phases": 1},
    {"type": "hmt", "hidden_size": 6, "tag_dim": 5, "dropout": 0.1},
    {"type": "hmt", "hidden_size": 6, "tag_dim": 5, "dropout": 0.0, "entity_task": False, "decoding": "all_pairs"},
    {"type": "interactive", "decoders": 3, "tagger": True},
    {"type": "interactive", "decoders": 3, "tagger": True, "interactive_layer": False, "teacher_forcing": False},
    {"type": "novel_tagging", "hidden_size": 6, "decoder_size": 6, "tag_dim": 5, "dropout": 0.0},
    {"type": "rin", "rounds": 2},
    {"type": "rin", "rounds": 0, "pair_scorer": {"type": "biaffine", "hidden_size": 6}},
    {"type": "rin_v2", "rounds": 2},
    {"type": "table"},
    {"type": "table", "tables": "both", "global_feature": False, "cells": "view", "dropout": 0.1},
]


class TestEveryHead(HeadTestCase):
    @pytest.fixture(autouse=True, params=HEADS, ids=lambda head: head["type"])
    def _each(self, request: pytest.FixtureRequest) -> None:
        self.head = request.param
        if self.head["type"] == "cascade":  # subjects are told apart by context: single words say nothing of markers
            self.encoder = {"type": "lstm", "hidden_size": 6}
        if "cells" in self.head:  # the choice of cells is one between features of tasks
            self.encoder = {"type": "partition_filter", "hidden_size": 6}


def test_none_is_forgotten() -> None:
    own = {name for name, c in components(Head.__kind__).items() if c.reference.module.startswith("relx.")}
    assert {head["type"] for head in HEADS} == own, "add a line to HEADS"
