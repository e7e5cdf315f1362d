from pathlib import Path

import pytest
from tiny_transformer import LIMIT, TINY

from relx.embedders.transformer import WordPieces

TOKENIZER = Path(TINY, "tokenizer.json").read_bytes()


def pieces_of(words, max_pieces=LIMIT, pooling="mean"):
    """The pieces of each word, as text, found where its places point."""
    splitter = WordPieces(TOKENIZER, max_pieces, pooling)
    arrays = splitter.index(words)
    read = [arrays["pieces"][window, place] for window, place in arrays["piece_places"]]
    texts = iter(splitter.tokenizer.id_to_token(piece) for piece in read)
    return [[next(texts) for _ in range(count)] for count in arrays["word_pieces"]]


def test_words_are_found_by_their_pieces():
    words = ["Paris", "The", "xqx", "U.S"]
    assert pieces_of(words) == [["paris"], ["the"], ["x", "##q", "##x"], ["u", ".", "s"]]
    assert pieces_of(words, pooling="first") == [["paris"], ["the"], ["x"], ["u"]]


def test_words_without_pieces_have_none():
    words = ["\x00", "the", "", " ", "\u200b", "the"]
    for pooling in ("first", "mean"):
        assert pieces_of(words, pooling=pooling) == [[], ["the"], [], [], [], ["the"]]


def test_any_string_is_a_word():
    assert pieces_of(["\ud800", "the", "[SEP]", "x" * 500]) == [["[UNK]"], ["the"], ["[SEP]"], ["[UNK]"]]


def test_a_sentence_without_words_is_read_too():
    arrays = WordPieces(TOKENIZER, LIMIT, "mean").index([])
    assert arrays["pieces"].tolist() == [[2, 3]]
    assert arrays["word_pieces"].shape == (0,) and arrays["piece_places"].shape == (0, 2)


def test_long_sentences_are_read_in_windows():
    words = ["the", "xqx"] * 20
    arrays = WordPieces(TOKENIZER, 16, "mean").index(words)
    assert arrays["pieces"].shape == (11, 16) and arrays["window_sizes"].tolist() == [16] * 11
    assert (arrays["pieces"][:, 0] == 2).all() and (arrays["pieces"][:, -1] == 3).all()
    assert pieces_of(words, 16) == [["the"], ["x", "##q", "##x"]] * 20
    place = 0
    for count in arrays["word_pieces"]:
        windows = arrays["piece_places"][place : place + count, 0]
        assert len(set(windows)) == 1, "a word is read in one window"
        place += count


def test_no_piece_of_a_word_that_is_longer_than_a_window_is_lost():
    words = ["the", "x" * 40, "the"]
    assert pieces_of(words, 12) == [["the"], ["x"] + ["##x"] * 39, ["the"]]


@pytest.mark.parametrize("max_pieces", [3, 4, 5])
def test_tiny_windows_work(max_pieces):
    assert pieces_of(["the", "xqx", "paris"], max_pieces) == [["the"], ["x", "##q", "##x"], ["paris"]]


def test_a_window_without_room_is_refused():
    with pytest.raises(ValueError, match="max_pieces is 2; a window has 2 special pieces"):
        WordPieces(TOKENIZER, 2, "first")
