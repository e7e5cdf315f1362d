"""Tokens that a head sets among the words have vectors of their own."""

from pathlib import Path

import pytest
import torch
from batches import batch_of
from tiny_transformer import HIDDEN, TINY, transformer
from torch import Tensor

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.characters import CharacterEmbedder
from relx.embedders.concatenated import ConcatenatedEmbedder
from relx.embedders.embedder import TokenEmbedder
from relx.embedders.tags import TagEmbedder
from relx.embedders.transformer import TransformerEmbedder
from relx.embedders.words import UNKNOWN, WordEmbedder
from relx.encoders.seq2vec.pooling import MeanEncoder
from relx.registry import Lazy

MARKERS = ["[S:S]", "[S:E]", "[e:Per Son:S]"]
SENTENCE = ["[S:S]", "the", "Paris", "[S:E]", "zzyzx", "[e:Per Son:S]"]


def vocabulary() -> Vocabulary:
    return Vocabulary([Example(["the", "Paris", "the"])])


def embedded(embedder: TokenEmbedder, words: list[str]) -> Tensor:
    return embedder(batch_of(embedder, words))[0]


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    lines = {"the": [3, 4], "rome": [5, 6], "paris": [-7, 1]}
    (tmp_path / "vectors.txt").write_text("".join(f"{word} {x} {y}\n" for word, (x, y) in lines.items()))
    return str(tmp_path / "vectors.txt")


class TestWords:
    def test_they_have_rows_of_their_own_and_words_keep_theirs(self) -> None:
        embedder = WordEmbedder(vocabulary(), dim=4)
        before = embedded(embedder, ["the", "Paris", "zzyzx"])
        embedder.add_tokens(MARKERS)
        start, the, paris, end, unknown, person = embedded(embedder, SENTENCE)
        assert torch.equal(torch.stack((the, paris, unknown)), before)
        assert torch.equal(unknown, embedder.table[UNKNOWN])
        assert len({tuple(vector.tolist()) for vector in (start, end, person, the, paris, unknown)}) == 6

    def test_words_of_the_vectors_that_training_lacks_are_still_found(self, vectors: str) -> None:
        embedder = WordEmbedder(vocabulary(), vectors=vectors)
        embedder.add_tokens(MARKERS)
        assert embedded(embedder, ["rome", "[S:S]", "the"])[[0, 2]].tolist() == [[5, 6], [3, 4]]

    def test_they_are_as_loud_as_the_words(self, vectors: str) -> None:
        embedder = WordEmbedder(vocabulary(), vectors=vectors, dim=2)
        rows = len(embedder.table)
        words = embedder.table[UNKNOWN:].detach().square().mean().sqrt()
        embedder.add_tokens([f"[{number}]" for number in range(2000)])
        torch.testing.assert_close(embedder.table[rows:].square().mean().sqrt(), words, rtol=0.05, atol=0)

    def test_they_are_learned_unless_the_words_are_not(self) -> None:
        for trainable in (True, False):
            embedder = WordEmbedder(vocabulary(), dim=4, trainable=trainable)
            embedder.add_tokens(MARKERS)
            assert embedder.table.requires_grad == trainable

    def test_a_token_that_is_also_a_word_is_the_token(self) -> None:
        embedder = WordEmbedder(Vocabulary([Example(["[S:S]", "the"])]), dim=4)
        before = embedded(embedder, ["[S:S]"])
        embedder.add_tokens(MARKERS)
        assert not torch.equal(embedded(embedder, ["[S:S]"]), before)

    def test_a_model_that_is_read_back_has_room_for_them(self) -> None:
        made = vocabulary()
        embedder = WordEmbedder(made, dim=4)
        embedder.add_tokens(MARKERS)
        again = WordEmbedder(Vocabulary.from_files(made.files()), dim=4)
        again.add_tokens(MARKERS)
        again.load_state_dict(embedder.state_dict())
        assert torch.equal(embedded(again, SENTENCE), embedded(embedder, SENTENCE))

    def test_none_change_nothing(self) -> None:
        embedder = WordEmbedder(vocabulary(), dim=4)
        before = embedder.table.clone()
        embedder.add_tokens(())
        assert torch.equal(embedder.table, before)


class TestTransformer:
    def test_each_is_one_piece_that_nothing_else_has(self) -> None:
        embedder = transformer()
        known = embedder.pieces.tokenizer.get_vocab_size()
        plain = embedder.index(Example(["the", "Paris"]))["pieces"][0]
        embedder.add_tokens(MARKERS)
        arrays = embedder.index(Example(["[S:S]", "the", "Paris", "[S:E]"]))
        first, *inner, last = arrays["pieces"][0].tolist()
        assert (first, last) == (plain[0], plain[-1])
        assert inner == [known, *plain[1:-1].tolist(), known + 1]
        assert arrays["word_pieces"].tolist()[0] == 1

    def test_the_table_has_a_row_for_each(self) -> None:
        embedder = transformer()
        table = embedder.transformer.get_input_embeddings()
        rows, before = len(table.weight), table.weight.detach().clone()
        embedder.add_tokens(MARKERS)
        after = embedder.transformer.get_input_embeddings().weight
        assert len(after) == rows + 3
        assert torch.equal(after[:rows], before)
        assert embedded(embedder.eval(), SENTENCE).shape == (len(SENTENCE), HIDDEN)
        one, other = (embedded(embedder, [marker, "Paris"])[1] for marker in MARKERS[:2])
        assert not torch.allclose(one, other)

    def test_a_table_with_rows_to_spare_is_not_cut(self) -> None:
        embedder = transformer()
        embedder.transformer.resize_token_embeddings(embedder.pieces.tokenizer.get_vocab_size() + 50)
        rows = len(embedder.transformer.get_input_embeddings().weight)
        embedder.add_tokens(MARKERS)
        assert len(embedder.transformer.get_input_embeddings().weight) == rows

    def test_they_are_learned_unless_the_encoder_is_not(self) -> None:
        for trainable in (True, False):
            embedder = transformer(trainable=trainable)
            embedder.add_tokens(MARKERS)
            assert {weight.requires_grad for weight in embedder.parameters()} == {trainable}
        embedder = transformer()
        embedder.add_tokens(MARKERS)
        (embedded(embedder, SENTENCE) * torch.randn(len(SENTENCE), HIDDEN)).sum().backward()
        gradient = embedder.transformer.get_input_embeddings().weight.grad
        assert (gradient[-3:].abs().sum(dim=1) > 0).all()

    def test_none_change_nothing(self) -> None:
        embedder = transformer()
        table = embedder.transformer.get_input_embeddings()
        embedder.add_tokens(())
        assert embedder.transformer.get_input_embeddings() is table


def test_every_part_of_a_concatenation_makes_room() -> None:
    parts = [Lazy(WordEmbedder, dim=4), Lazy(TransformerEmbedder, model=TINY)]
    embedder = ConcatenatedEmbedder(vocabulary(), parts)
    embedder.add_tokens(MARKERS)
    words, pieces = embedder.embedders
    assert len(words.added) == 3
    assert pieces.pieces.tokenizer.token_to_id("[S:E]") is not None


def test_characters_and_tags_take_them_as_they_are() -> None:
    tagged = Vocabulary([Example(["the", "Paris"], pos_tags=["DT", "NP"])])
    for embedder in (CharacterEmbedder(tagged, Lazy(MeanEncoder)), TagEmbedder(tagged)):
        embedder.add_tokens(MARKERS)
        arrays = embedder.index(Example(["[S:S]", "the"], pos_tags=["[S:S]", "DT"]))
        assert all(len(array) == 2 for array in arrays.values())
