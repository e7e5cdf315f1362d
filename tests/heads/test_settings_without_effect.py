"""A setting that another one leaves without effect is refused, so that nobody compares two runs of one model."""

from typing import Any

import pytest
from sentences import sentence

from relx import config
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.testing.model import MODEL

GOLD = sentence("Ann met Bob in Rome", ((0, 1), "in", (4, 5)))


def build(head: dict[str, Any], encoder: dict[str, Any]) -> None:
    described = {"embedder": {"type": "words", "dim": 6}, "encoder": encoder, "head": head}
    config.require_valid(described, MODEL, "the model")
    config.build(described, MODEL, vocabulary=Vocabulary([GOLD]))


LSTM = {"type": "lstm", "hidden_size": 4}
HMT = {"type": "hmt", "hidden_size": 4, "tag_dim": 4}
BARE = {"type": "interactive", "interactive_layer": False, "decode_attention": False}


@pytest.mark.parametrize(
    ("base", "setting", "message"),
    [
        ({**HMT, "entity_task": False}, {"entity_scheme": "BIO"}, "entity_task=false takes no entity_scheme"),
        ({"type": "graphrel", "phases": 1}, {"second_weight": 5.0}, "phases=1 takes no second_weight"),
        ({"type": "rin", "rounds": 0}, {"updater": "rnn"}, "rounds=0 takes no updater"),
        ({"type": "rin", "rounds": 0}, {"interaction": ["words"]}, "rounds=0 takes no interaction"),
        ({"type": "rin", "updater": "linear"}, {"interaction": ["words"]}, "updater=linear takes no interaction"),
        (BARE, {"attention": "linear"}, "no interactive_layer and no decode_attention takes no attention"),
        ({"type": "table"}, {"cells": "view"}, "an encoder without features of its own for each task takes no cells"),
        (
            {"type": "table", "pair_scorer": {"type": "biaffine"}},
            {"dropout": 0.1},
            "a pair_scorer of its own takes no dropout",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(base: dict[str, Any], setting: dict[str, Any], message: str) -> None:
    build(base, LSTM)
    with pytest.raises(ConfigError, match=message):
        build({**base, **setting}, LSTM)


def test_a_setting_is_accepted_where_it_has_an_effect() -> None:
    build({**HMT, "entity_scheme": "BIO", "signatures": {"in": ["P", "L"]}}, LSTM)
    build({"type": "graphrel", "second_weight": 5.0}, LSTM)
    build({"type": "rin", "updater": "rnn", "interaction": ["words"]}, LSTM)
    build({**BARE, "decode_attention": True, "attention": "linear"}, LSTM)
    build({"type": "table", "cells": "view"}, {"type": "srn", "hidden_size": 4, "tasks": ["entity", "relation"]})
