"""What relx asks of every encoder, asked of each of its own: a new encoder is a new line."""

from typing import Any

import pytest

from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.encoders.seq2vec import Seq2VecEncoder
from relx.registry import components
from relx.testing import Seq2SeqEncoderTestCase, Seq2VecEncoderTestCase

SEQ2SEQ: list[dict[str, Any]] = [
    {"type": "lstm", "hidden_size": 6},
    {"type": "lstm", "hidden_size": 6, "layers": 2, "directions": "averaged", "dropout": 0.1},
    {"type": "peephole_lstm", "hidden_size": 5},
    {"type": "pass_through"},
    {"type": "compose", "encoders": [{"type": "lstm", "hidden_size": 5}, {"type": "lstm", "hidden_size": 4}]},
    {"type": "gcn"},
    {"type": "srn", "hidden_size": 2},
    {"type": "partition_filter", "hidden_size": 3},
]
SEQ2VEC: list[dict[str, Any]] = [
    {"type": "mean"},
    {"type": "max"},
    {"type": "last"},
    {"type": "attention", "hidden_size": 5},
    {"type": "cnn", "filters": 6, "widths": [2, 3, 6]},
    {"type": "cnn", "filters": 6, "widths": [19]},
]


class TestEverySeq2SeqEncoder(Seq2SeqEncoderTestCase):
    @pytest.fixture(autouse=True, params=SEQ2SEQ, ids=lambda encoder: encoder["type"])
    def _each(self, request: pytest.FixtureRequest) -> None:
        self.encoder = request.param


class TestEverySeq2VecEncoder(Seq2VecEncoderTestCase):
    @pytest.fixture(autouse=True, params=SEQ2VEC, ids=lambda encoder: encoder["type"])
    def _each(self, request: pytest.FixtureRequest) -> None:
        self.encoder = request.param


@pytest.mark.parametrize(("kind", "tested"), [(Seq2SeqEncoder, SEQ2SEQ), (Seq2VecEncoder, SEQ2VEC)])
def test_none_is_forgotten(kind: Any, tested: list[dict[str, Any]]) -> None:
    own = {name for name, c in components(kind.__kind__).items() if c.reference.module.startswith("relx.")}
    assert {encoder["type"] for encoder in tested} == own, "add a line to the list above"
