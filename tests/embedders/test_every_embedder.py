"""What relx asks of every embedder, asked of each of its own: a new embedder is a new line."""

from pathlib import Path
from typing import Any

import pytest

from relx.embedders import TokenEmbedder
from relx.registry import components
from relx.testing import EmbedderTestCase

TRANSFORMER = str(Path(__file__).resolve().parents[2] / "fixtures" / "tiny_transformer")
EMBEDDERS: list[dict[str, Any]] = [
    {"type": "words", "dim": 8, "dropout": 0.1, "word_dropout": 0.1},
    {"type": "characters", "dim": 8, "encoder": {"type": "cnn", "filters": 6}},
    {"type": "tags", "dim": 8},
    {"type": "concatenated", "embedders": [{"type": "words", "dim": 6}, {"type": "tags", "dim": 4}]},
    {"type": "transformer", "model": TRANSFORMER, "layers": "mix", "pooling": "mean", "max_pieces": 8},
]


class TestEveryEmbedder(EmbedderTestCase):
    @pytest.fixture(autouse=True, params=EMBEDDERS, ids=lambda embedder: embedder["type"])
    def _each(self, request: pytest.FixtureRequest) -> None:
        self.embedder = request.param
        if self.embedder["type"] == "transformer":
            self.lr = 0.005


def test_none_is_forgotten() -> None:
    own = {name for name, c in components(TokenEmbedder.__kind__).items() if c.reference.module.startswith("relx.")}
    assert {embedder["type"] for embedder in EMBEDDERS} == own, "add a line to EMBEDDERS"
