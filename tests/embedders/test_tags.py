import pytest
import torch

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.tags import FIRST_TAG, UNKNOWN, TagEmbedder
from relx.errors import DataError


def tagged(*tags):
    return Example([f"w{number}" for number in range(len(tags))], pos_tags=list(tags))


def batch(embedder, *examples):
    return TensorDataset(examples, embedder.index).batch(range(len(examples)))


def vocabulary():
    return Vocabulary([tagged("DT", "NN"), tagged("NN", "VB"), tagged()])


def test_each_tag_has_a_vector_and_unknown_ones_share_one():
    embedder = TagEmbedder(vocabulary(), dropout=0.0)
    assert embedder.output_dim == 10
    out = embedder(batch(embedder, tagged("NN", "XX", "DT", "YY", "NN")))[0]
    assert torch.equal(out[0], embedder.table.weight[FIRST_TAG])
    assert torch.equal(out[0], out[4]) and torch.equal(out[1], out[3])
    assert torch.equal(out[1], embedder.table.weight[UNKNOWN])
    assert not torch.equal(out[0], out[2])


def test_sentences_are_the_same_alone_and_together():
    embedder = TagEmbedder(vocabulary(), dim=3)
    examples = [tagged("NN", "VB", "DT"), tagged(), tagged("VB")]
    together = embedder(batch(embedder, *examples))
    assert together.shape == (3, 3, 3)
    for row, example in enumerate(examples):
        alone = embedder(batch(embedder, example))[0]
        assert torch.equal(together[row, : len(example)], alone[: len(example)])
        assert (together[row, len(example) :] == 0).all()


def test_the_tags_are_saved_with_the_vocabulary():
    made = vocabulary()
    embedder = TagEmbedder(made)
    again = TagEmbedder(Vocabulary.from_files(made.files()))
    again.load_state_dict(embedder.state_dict())
    assert torch.equal(again.table(torch.arange(5)), embedder.table(torch.arange(5)))
    assert again.index(tagged("VB"))["pos_tags"] == embedder.index(tagged("VB"))["pos_tags"]


def test_dropout_acts_in_training_only():
    embedder = TagEmbedder(vocabulary(), dim=100, dropout=0.5)
    made = batch(embedder, tagged("NN"))
    assert (embedder(made) == 0).any() and (embedder.eval()(made) != 0).all()


def test_a_sentence_without_tags_is_an_error_in_training_and_after():
    message = "no pos_tags, which the embedder 'tags' needs: 'a b'; give the experiment a pos_tagger"
    with pytest.raises(DataError, match=message):
        TagEmbedder(Vocabulary([Example(["a", "b"])]))
    with pytest.raises(DataError, match=message):
        TagEmbedder(vocabulary()).index(Example(["a", "b"]))


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"dropout": 1.5}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        TagEmbedder(vocabulary(), **arguments)
