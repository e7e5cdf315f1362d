"""The tiny transformer of the sample data."""

from pathlib import Path

from transformers import MPNetConfig, MPNetModel

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder

TINY = str(Path(__file__).parents[1] / "fixtures/tiny_transformer")
LIMIT, SPECIAL, HIDDEN, LAYERS = 64, 2, 32, 2


def transformer(model: str = TINY, **arguments) -> TransformerEmbedder:
    """An embedder with the tiny transformer (or another one), as training builds it."""
    return TransformerEmbedder(Vocabulary([Example(["a"])]), model, **arguments)


def tiny_mpnet(embedder: TransformerEmbedder) -> MPNetModel:
    """An MPNet of the same size, with weights drawn at random, for the tokenizer of an embedder."""
    config = MPNetConfig(
        vocab_size=embedder.transformer.config.vocab_size, hidden_size=HIDDEN, num_hidden_layers=LAYERS,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=LIMIT + 2,
    )  # fmt: skip
    return MPNetModel(config, add_pooling_layer=False)
