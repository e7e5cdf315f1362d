import pytest
import torch
from batches import assert_same_alone_and_together, batch_of

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.characters import CharacterEmbedder
from relx.embedders.concatenated import ConcatenatedEmbedder
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2vec.pooling import MeanEncoder
from relx.registry import Lazy

WORDS = Lazy(WordEmbedder, dim=3)
CHARACTERS = Lazy(CharacterEmbedder, encoder=Lazy(MeanEncoder), dim=2)


def embedder(*parts):
    return ConcatenatedEmbedder(Vocabulary([Example(["the", "Paris"])]), list(parts)).double()


def test_the_vectors_stand_side_by_side():
    made = embedder(WORDS, CHARACTERS)
    words, characters = made.embedders
    batch = batch_of(made, ["Paris", "new"], ["the"])
    assert made.output_dim == 5
    assert torch.equal(made(batch), torch.cat((words(batch), characters(batch)), dim=-1))


def test_a_sentence_is_the_same_alone_and_in_a_batch():
    assert_same_alone_and_together(embedder(WORDS, CHARACTERS))


def test_gradients_reach_every_part():
    made = embedder(WORDS, CHARACTERS)
    made(batch_of(made, ["Paris"])).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in made.parameters())


def test_none_and_two_of_one_type_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        embedder()
    with pytest.raises(ValueError, match="different types"):
        embedder(WORDS, WORDS)
