"""What must hold of every embedder and every encoder."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.model import JointExtractor
from relx.testing.checks import require, require_close
from relx.testing.model import LEAKS, Description, ModelTestCase

HEAD = {"type": "rin", "rounds": 0}
LENGTHS = (5, 1, 7, 0, 3, 7)


class EmbedderTestCase(ModelTestCase):
    """The tests of a token embedder, which ``embedder`` describes as an experiment file does, below a simple head."""

    embedder: Description

    def description(self) -> Description:
        """Return the embedder and the head."""
        return {"embedder": self.embedder, "head": HEAD}

    def test_vectors_have_their_size_and_padding_is_zero(self) -> None:
        """[batch, length, output_dim]."""
        model = self.build().eval()
        batch = _batch(model, self.copies())
        _require_shape(model.embedder(batch), batch.mask, model.embedder.output_dim)

    def test_a_sentence_has_the_same_vectors_alone_and_in_a_batch(self) -> None:
        """Its neighbors do not matter."""
        model = self.build().eval()
        _require_rows_alike(lambda batch: model.embedder(batch), model, self.copies())


class Seq2SeqEncoderTestCase(ModelTestCase):
    """The tests of a sequence encoder, which ``encoder`` describes as an experiment file does."""

    encoder: Description
    embedder: Description = {"type": "words", "dim": 12}

    def description(self) -> Description:
        """Return the embedder, the encoder and the head."""
        return {"embedder": self.embedder, "encoder": self.encoder, "head": HEAD}

    def test_vectors_have_their_size_and_padding_is_zero(self) -> None:
        """[batch, length, output_dim]."""
        model = self.build().eval()
        batch = _batch(model, self.copies())
        _require_shape(self._encoded(model, batch), batch.mask, model.encoder.output_dim)

    def test_a_sentence_has_the_same_vectors_alone_and_in_a_batch(self) -> None:
        """Its neighbors and the padding do not matter."""
        model = self.build().eval()
        _require_rows_alike(lambda batch: self._encoded(model, batch), model, self.copies())

    def _encoded(self, model: JointExtractor, batch: Batch) -> Tensor:
        """Encode the words, with nonzero padding that an encoder must not read."""
        return model.encoder.encode(model.embedder(batch) + 9 * ~batch.mask.unsqueeze(-1), batch)


class Seq2VecEncoderTestCase(EmbedderTestCase):
    """The tests of an encoder of a sequence as one vector, which ``encoder`` describes as an experiment file does."""

    encoder: Description

    def description(self) -> Description:
        """Words encoded by their characters, and the head."""
        return {"embedder": {"type": "characters", "dim": 12, "encoder": self.encoder}, "head": HEAD}

    def test_a_sequence_has_the_same_vector_alone_and_in_a_batch(self) -> None:
        """Whatever the padding holds; an empty sequence gives zeros and finite gradients."""
        encoder = self._alone().eval()
        inputs, mask = _sequences()
        together = encoder(inputs, mask)
        shape = [len(LENGTHS), encoder.output_dim]
        require(list(together.shape) == shape, f"its output has the shape {list(together.shape)}, not {shape}")
        for row, length in enumerate(LENGTHS):
            shown = max(1, length)
            alone = encoder(inputs[row : row + 1, :shown], mask[row : row + 1, :shown])[0]
            require_close(together[row], alone, f"a sequence of length {length} alone and in a batch", LEAKS)
        zero = not together[LENGTHS.index(0)].any()
        require(zero, "an empty sequence must give zeros: multiply by mask.any(dim=1, keepdim=True)")
        (gradient,) = torch.autograd.grad(together.sum(), inputs)
        finite = bool(torch.isfinite(gradient).all())
        require(finite, "its gradient is not finite, where one of the sequences is empty: look for a division by zero")

    def _alone(self) -> Any:
        return self.build().embedder.encoder


def _sequences() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(len(LENGTHS), max(LENGTHS), 12, generator=generator)
    return inputs.requires_grad_(), torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)


def _batch(model: JointExtractor, examples: Sequence[Example]) -> Batch:
    return TensorDataset(examples, model.index).batch(range(len(examples)))


def _require_shape(made: Tensor, mask: Tensor, size: int) -> None:
    expected = [*mask.shape, size]
    found = list(made.shape)
    require(found == expected, f"its output has the shape {found}; by mask and output_dim it is {expected}")
    require(not made[~mask].any(), "its output is not zero at padding: multiply by mask.unsqueeze(-1)")
    require(bool(made[mask].any()), "its output is zero everywhere")


def _require_rows_alike(encode: Callable[[Batch], Tensor], model: JointExtractor, sentences: Sequence[Example]) -> None:
    together = encode(_batch(model, sentences))
    for row, example in enumerate(sentences):
        alone = encode(_batch(model, [example]))[0, : len(example)]
        what = f"the vectors of a sentence of {len(example)} tokens, in a batch and alone"
        require_close(together[row, : len(example)], alone, what, LEAKS)
