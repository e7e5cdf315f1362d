import numpy as np
import pytest
import torch
from batches import assert_same_alone_and_together, batch_of
from padding import assert_every_parameter_learns

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.characters import PADDING, UNKNOWN, CharacterEmbedder
from relx.encoders.seq2vec.cnn import CNNEncoder
from relx.encoders.seq2vec.pooling import AttentionEncoder, LastEncoder, MaxEncoder, MeanEncoder
from relx.registry import Lazy

ENCODERS = {
    "mean": Lazy(MeanEncoder),
    "max": Lazy(MaxEncoder),
    "last": Lazy(LastEncoder),
    "attention": Lazy(AttentionEncoder),
    "cnn": Lazy(CNNEncoder, filters=7, widths=[2, 3]),
}


def embedder(encoder="cnn", alphabet="the Paris zzyzx", **arguments):
    torch.manual_seed(0)
    return CharacterEmbedder(Vocabulary([Example(alphabet.split())]), ENCODERS[encoder], **arguments)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_word_is_the_same_alone_and_in_a_batch(encoder):
    assert_same_alone_and_together(embedder(encoder).double())


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_word_has_one_vector_wherever_it_stands(encoder):
    made = embedder(encoder).double()
    out = made(batch_of(made, ["Paris", "the", "Paris"], ["zzyzxzzyzx", "Paris"]))
    torch.testing.assert_close(out[0, 0], out[0, 2])
    torch.testing.assert_close(out[0, 0], out[1, 1])


def test_characters_are_numbered_and_unknown_ones_share_a_number():
    made = embedder(alphabet="aab")
    assert made.index(Example(["ab", "é"]))["characters"].tolist() == [[2, 3], [UNKNOWN, PADDING]]
    assert made.index(Example([]))["characters"].shape == (0, 0)


def test_words_of_unknown_characters_differ_by_their_length_only():
    made = embedder()
    out = made(batch_of(made, ["éé", "üü"]))[0]
    assert torch.equal(out[0], out[1])
    assert out[0].abs().sum() > 0


def test_a_long_word_is_its_two_ends():
    made = embedder(alphabet="ab")
    word = "a" * 25 + "b" * 1000 + "a" * 25
    assert made.index(Example([word]))["characters"].tolist() == [[2 if c == "a" else 3 for c in "a" * 50]]
    assert made.index(Example(["b" * 50]))["characters"].shape == (1, 50)


def test_an_alphabet_of_any_size_is_stored_whole():
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + 70000)))
    made = CharacterEmbedder(Vocabulary([Example([alphabet])]), ENCODERS["mean"], dim=1)
    rows = made.index(Example([alphabet[:20], alphabet[-20:]]))["characters"]
    assert len(np.unique(rows)) == 40
    assert embedder().index(Example(["the"]))["characters"].dtype == np.uint8


def test_gradients_reach_every_parameter():
    made = embedder()
    assert_every_parameter_learns(made, made(batch_of(made, ["the", "é"], ["Paris"])))


def test_dropout_acts_in_training_only():
    made = embedder(dropout=0.5)
    batch = batch_of(made, ["Paris"] * 20)
    assert not torch.equal(made(batch)[0, 0], made(batch)[0, 1])
    out = made.eval()(batch)[0]
    torch.testing.assert_close(out[0], out[1])


def test_the_size_is_that_of_the_encoder():
    assert embedder("cnn").output_dim == 14
    assert embedder("mean", dim=9).output_dim == 9
    with pytest.raises(ValueError, match="dim is 0"):
        embedder(dim=0)
