"""The test cases of embedders and encoders say of a bad part what is wrong with it. Good ones: see ``test_every_*``."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.embedders import TokenEmbedder
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.encoders.seq2vec import Seq2VecEncoder
from relx.registry import Injected
from relx.testing import EmbedderTestCase, ModelTestCase, Seq2SeqEncoderTestCase, Seq2VecEncoderTestCase

pytestmark = pytest.mark.usefixtures("registry")
ALIKE = "a_sentence_has_the_same_vectors_alone_and_in_a_batch"
SHAPE = "vectors_have_their_size_and_padding_is_zero"


class PaddingRead(Seq2SeqEncoder):
    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = 2 * input_dim
        self.gru = nn.GRU(input_dim, input_dim, batch_first=True, bidirectional=True)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self.gru(inputs)[0] * mask.unsqueeze(-1)


class PaddingLeft(PaddingRead):
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return torch.cat((inputs, inputs), dim=-1)


class AnotherSize(PaddingRead):
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return inputs * mask.unsqueeze(-1)


class Silent(PaddingRead):
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return torch.cat((inputs, inputs), dim=-1) * 0


class NeighborsRead(WordEmbedder):
    def forward(self, batch: Batch) -> Tensor:
        vectors = super().forward(batch)
        return (vectors - vectors.mean(dim=0)) * batch.mask.unsqueeze(-1)


class Mean(Seq2VecEncoder):
    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return inputs.mean(dim=1)


class DividedByNothing(Mean):
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(-1)
        mean = (inputs * real).sum(dim=1) / real.sum(dim=1)
        return torch.where(real.any(dim=1), mean, torch.zeros(()))


class OneForNothing(Mean):
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return (inputs * mask.unsqueeze(-1)).sum(dim=1) + ~mask.any(dim=1, keepdim=True)


def failure(case: type[ModelTestCase], part: str, test: str) -> str:
    made: Any = type("Case", (case,), {part: {"type": "bad"}})()
    with pytest.raises(AssertionError) as caught:
        getattr(made, f"test_{test}")()
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "test", "message"),
    [
        (PaddingRead, ALIKE, "in a batch and alone: they differ by up to"),
        (PaddingLeft, SHAPE, "its output is not zero at padding: multiply by mask.unsqueeze(-1)"),
        (AnotherSize, SHAPE, "its output has the shape [8, 16, 12]; by mask and output_dim it is [8, 16, 24]"),
        (Silent, SHAPE, "its output is zero everywhere"),
    ],
)
def test_a_bad_sequence_encoder(encoder: type[Seq2SeqEncoder], test: str, message: str) -> None:
    Seq2SeqEncoder.register("bad")(encoder)
    assert message in failure(Seq2SeqEncoderTestCase, "encoder", test)


def test_an_embedder_that_reads_its_neighbors() -> None:
    TokenEmbedder.register("bad")(NeighborsRead)
    assert "multiply by batch.mask before you sum" in failure(EmbedderTestCase, "embedder", ALIKE)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (Mean, "a sequence of length 5 alone and in a batch: they differ by up to"),
        (DividedByNothing, "its gradient is not finite, where one of the sequences is empty"),
        (OneForNothing, "an empty sequence must give zeros"),
    ],
)
def test_a_bad_encoder_of_a_sequence_as_a_vector(encoder: type[Seq2VecEncoder], message: str) -> None:
    Seq2VecEncoder.register("bad")(encoder)
    test = "a_sequence_has_the_same_vector_alone_and_in_a_batch"
    assert message in failure(Seq2VecEncoderTestCase, "encoder", test)
