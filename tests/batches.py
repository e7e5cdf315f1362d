"""Batches of sentences for the tests of embedders and heads."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.embedders.embedder import TokenEmbedder
from relx.heads.head import Head
from relx.model import JointExtractor

SENTENCES = [["the", "Paris", "zzyzx"], ["Paris"], [], ["the", "the", "a", "longer", "sentence"], ["the", "Paris"]]


def batch_of(embedder: TokenEmbedder, *sentences: list[str]) -> Batch:
    """Sentences as one batch."""
    corpus = TensorDataset([Example(tokens) for tokens in sentences], embedder.index)
    return corpus.batch(list(range(len(sentences))))


def assert_same_alone_and_together(embedder: TokenEmbedder) -> None:
    """Each sentence is embedded as if it were alone, padding is zero, and batches may be permuted."""
    embedder.eval()
    batch = batch_of(embedder, *SENTENCES)
    together = embedder(batch)
    assert together.shape == (*batch.mask.shape, embedder.output_dim)
    assert (together[~batch.mask] == 0).all()
    for row, tokens in enumerate(SENTENCES):
        alone = embedder(batch_of(embedder, tokens))[0]
        torch.testing.assert_close(together[row, : max(1, len(tokens))], alone, rtol=0, atol=1e-10)
    turned = embedder(batch_of(embedder, *SENTENCES[::-1]))
    torch.testing.assert_close(turned, together.flip(0), rtol=0, atol=1e-10)


def labeled_batch(head: Head, examples: Sequence[Example], dim: int) -> Batch:
    """Sentences with a head's targets and, as ``inputs``, vectors in float64 that depend on the sentence alone."""

    def index(example: Example) -> dict[str, np.ndarray]:
        draw = np.random.default_rng(zlib.crc32(repr((example.tokens, example.relations)).encode()))
        return {**head.targets(example).arrays, "inputs": draw.normal(size=(len(example), dim))}

    return TensorDataset(examples, index).batch(list(range(len(examples))))


def labeled(model: JointExtractor, examples: Sequence[Example]) -> Batch:
    """Sentences with all that a model reads of them, its targets included."""
    return TensorDataset(examples, model.index_labeled).batch(range(len(examples)))


def inputs_of(batch: Batch) -> Tensor:
    """The vectors of a labeled batch: what stands in for the embedder and the encoder."""
    return batch["inputs"]
