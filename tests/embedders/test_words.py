import gzip
import logging

import pytest
import torch
from batches import assert_same_alone_and_together, batch_of

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import FIRST_WORD, PADDING, UNKNOWN, WordEmbedder

VECTORS = {"the": [1, 2], "paris": [3, 4], "Rome": [5, 6], "berlin": [7, 8], "the cat": [9, 9]}
TRAINING = ["the Paris the", "zzyzx the Paris"]


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt.gz"
    lines = "".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in VECTORS.items())
    path.write_bytes(gzip.compress(lines.encode()))
    return str(path)


def vocabulary(*sentences):
    return Vocabulary([Example(sentence.split()) for sentence in sentences or TRAINING])


def embedded(embedder, words):
    """The vectors of the words of one sentence."""
    return embedder(batch_of(embedder, words.split()))[0]


def test_a_word_is_the_same_alone_and_in_a_batch():
    embedder = WordEmbedder(vocabulary(), dim=3).double()
    assert_same_alone_and_together(embedder)


def test_words_unlike_the_unknown_word_have_vectors_of_their_own():
    embedder = WordEmbedder(vocabulary(), dim=5)
    the, paris, new, other = embedded(embedder, "the Paris new other")
    assert not torch.equal(the, paris)
    assert torch.equal(new, other)
    assert torch.equal(new, embedder.table[UNKNOWN])


def test_without_vectors_the_size_is_100():
    assert WordEmbedder(vocabulary()).output_dim == 100


def test_vectors_give_the_size_and_lower_case_is_the_second_choice(vectors):
    embedder = WordEmbedder(vocabulary(), vectors=vectors)
    assert embedder.output_dim == 2
    assert embedded(embedder, "the Paris").tolist() == [VECTORS["the"], VECTORS["paris"]]


def test_rare_words_without_a_vector_are_unknown(vectors):
    embedder = WordEmbedder(vocabulary(), vectors=vectors, min_count=2)
    assert torch.equal(embedded(embedder, "zzyzx")[0], embedder.table[UNKNOWN])
    assert embedded(embedder, "Paris").tolist() == [VECTORS["paris"]]


def test_words_of_the_file_that_training_lacks_keep_their_vector(vectors):
    embedder = WordEmbedder(vocabulary(), vectors=vectors)
    assert embedded(embedder, "Rome Berlin BERLIN").tolist() == [VECTORS["Rome"], VECTORS["berlin"], VECTORS["berlin"]]
    assert torch.equal(embedded(embedder, "rome")[0], embedder.table[UNKNOWN])


def test_they_keep_it_in_a_saved_model_without_the_file(vectors, tmp_path):
    made = vocabulary()
    embedder = WordEmbedder(made, vectors=vectors, dim=3)
    (tmp_path / "vectors.txt.gz").unlink()
    again = WordEmbedder(Vocabulary.from_files(made.files()), vectors=vectors, dim=3)
    again.load_state_dict(embedder.state_dict())
    words = "the Paris zzyzx Rome Berlin never"
    assert torch.equal(embedded(again, words), embedded(embedder, words))
    assert again.output_dim == 3
    assert embedded(again, "Rome")[0, :2].tolist() == VECTORS["Rome"]


def test_the_size_of_the_vectors_is_saved_too(vectors):
    made = vocabulary()
    WordEmbedder(made, vectors=vectors)
    assert WordEmbedder(Vocabulary.from_files(made.files()), vectors=vectors).output_dim == 2


def test_unseen_words_can_be_left_out(vectors):
    embedder = WordEmbedder(vocabulary(), vectors=vectors, keep_unseen=False)
    assert len(embedder.unseen) == 0
    assert torch.equal(embedded(embedder, "Rome")[0], embedder.table[UNKNOWN])
    assert embedded(embedder, "Paris").tolist() == [VECTORS["paris"]]


def test_a_larger_size_leaves_room_for_columns_of_its_own(vectors):
    embedder = WordEmbedder(vocabulary(), dim=4, vectors=vectors)
    paris, rome = embedded(embedder, "Paris Rome")
    assert paris[:2].tolist() == VECTORS["paris"] and rome.tolist() == [*VECTORS["Rome"], 0, 0]
    assert paris[2:].abs().min() > 0


def test_an_empty_name_is_no_wish_for_random_vectors():
    with pytest.raises(ValueError, match="vectors is empty"):
        WordEmbedder(vocabulary(), vectors="")


def test_a_smaller_size_is_refused(vectors):
    with pytest.raises(ValueError, match="dim is 1, but the vectors have 2"):
        WordEmbedder(vocabulary(), dim=1, vectors=vectors)


def test_random_words_are_as_loud_as_the_vectors(vectors):
    words = " ".join(f"word{number}" for number in range(3000))
    embedder = WordEmbedder(vocabulary(words), vectors=vectors)
    loudness = torch.tensor(list(VECTORS.values())).float().square().mean().sqrt()
    torch.testing.assert_close(embedder.table[FIRST_WORD:].square().mean().sqrt(), loudness, rtol=0.05, atol=0)


@pytest.mark.parametrize("keep_unseen", [True, False])
def test_vectors_of_no_word_in_training_leave_the_table_at_random(vectors, keep_unseen):
    embedder = WordEmbedder(vocabulary("only strangers"), vectors=vectors, keep_unseen=keep_unseen)
    assert torch.isfinite(embedder.table).all()
    assert embedder.table[FIRST_WORD:].abs().min() > 0


def test_seen_words_learn_unless_frozen_padding_and_unseen_words_never(vectors):
    embedder = WordEmbedder(vocabulary(), vectors=vectors)
    batch = batch_of(embedder, ["the", "Rome", "Paris"], ["the"])
    embedder(batch).sum().backward()
    learning = embedder.table.grad.abs().sum(dim=1) > 0
    assert learning.tolist() == [row in (FIRST_WORD, FIRST_WORD + 1) for row in range(len(embedder.table))]
    assert not embedder.unseen.requires_grad
    assert (embedder.table[PADDING] == 0).all()
    frozen = WordEmbedder(vocabulary(), vectors=vectors, trainable=False)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_word_dropout_replaces_words_in_training_only():
    torch.manual_seed(0)
    embedder = WordEmbedder(vocabulary(), dim=4, word_dropout=0.3)
    batch = batch_of(embedder, ["the"] * 1000, ["the"])
    out = embedder(batch)
    replaced = (out == embedder.table[UNKNOWN]).all(dim=-1)
    assert 0.25 < replaced[0].float().mean() < 0.35
    assert (out[1, 1:] == 0).all(), "padding stays padding"
    assert (embedder.eval()(batch)[0] == embedder.table[FIRST_WORD]).all()


def test_word_dropout_leaves_added_tokens_alone():
    embedder = WordEmbedder(vocabulary(), dim=4, word_dropout=1.0)
    embedder.add_tokens(["<e>", "</e>"])
    out = embedded(embedder, "<e> the </e>")
    assert (out == embedder.table[[-2, UNKNOWN, -1]]).all()


def test_dropout_acts_in_training_only():
    embedder = WordEmbedder(vocabulary(), dim=50, dropout=0.5)
    assert (embedded(embedder, "the") == 0).any()
    assert (embedded(embedder.eval(), "the") != 0).all()


def test_the_coverage_is_logged(vectors, caplog):
    with caplog.at_level(logging.INFO, "relx"):
        WordEmbedder(vocabulary(), vectors=vectors)
    assert "66.7% of 3 words have a vector (1 as written, 1 in lower case)" in caplog.text


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"min_count": 0}, {"word_dropout": 1.1}, {"dropout": -0.1}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        WordEmbedder(vocabulary(), **arguments)
