import gzip

import numpy as np
import pytest

from relx.data.vectors import read_vectors
from relx.errors import DataError


def written(tmp_path, text: str, name: str = "vectors.txt") -> str:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def error_of(path: str) -> str:
    with pytest.raises(DataError) as error:
        read_vectors(path)
    return str(error.value).removeprefix(path)


@pytest.mark.parametrize("name", ["glove.txt", "glove.txt.gz"])
def test_glove(tmp_path, name):
    words, matrix = read_vectors(written(tmp_path, "the 0.5 -1\nBogotá 1e-3 2\n", name))
    assert words == ["the", "Bogotá"]
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[0.5, -1], [np.float32(1e-3), 2]]


def test_word2vec_has_a_header_and_trailing_spaces(tmp_path):
    words, matrix = read_vectors(written(tmp_path, "2 3\nthe 1 2 3 \nof 4 5 6 \n"))
    assert (words, matrix.shape) == (["the", "of"], (2, 3))


def test_two_numbers_are_a_header_only_at_the_top(tmp_path):
    assert read_vectors(written(tmp_path, "a 1\n7 3\n"))[0] == ["a", "7"]


def test_only_wanted_words_are_read(tmp_path):
    path = written(tmp_path, "a 1 2\nb 3 4\nc 5 6\n")
    words, matrix = read_vectors(path, {"c", "a"}.__contains__)
    assert (words, matrix.tolist()) == (["a", "c"], [[1, 2], [5, 6]])
    words, matrix = read_vectors(path, lambda word: False)
    assert (words, matrix.shape) == ([], (0, 2))


def test_odd_words_keep_their_vector(tmp_path):
    words, _ = read_vectors(written(tmp_path, "the 1 2\n. . . 3 4\n\x85 5 6\na\xa0b 7 8\n"))
    assert words == ["the", ". . .", "\x85", "a\xa0b"]


def test_the_first_of_two_vectors_counts(tmp_path):
    words, matrix = read_vectors(written(tmp_path, "a 1\na 2\n"))
    assert (words, matrix.tolist()) == (["a"], [[1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 3\n", ":2: expected a word and 2 numbers, got 1 numbers"),
        ("a 1 2\nb 3 x\n", ":2: expected numbers after the word"),
        ("a 1 nan\n", ":1: expected finite numbers"),
        ("", ":1: holds no vectors"),
        ("5 50\n", ":1: holds no vectors"),
        ("word\n", ":1: holds no vectors"),
    ],
)
def test_bad_files(tmp_path, text, message):
    assert message in error_of(written(tmp_path, text))


def test_a_missing_file():
    assert "no such file" in error_of("/nowhere/vectors.txt")
