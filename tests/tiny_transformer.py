"""The tiny transformer of the sample data."""

from pathlib import Path

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder

TINY = str(Path(__file__).parents[1] / "fixtures/tiny_transformer")
LIMIT, SPECIAL, HIDDEN, LAYERS = 64, 2, 32, 2


def transformer(model: str = TINY, **arguments) -> TransformerEmbedder:
    """An embedder with the tiny transformer (or another one), as training builds it."""
    return TransformerEmbedder(Vocabulary([Example(["a"])]), model, **arguments)
