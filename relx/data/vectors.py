"""Word vectors from a text file, as GloVe and word2vec write them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from relx.errors import DataError
from relx.utils.files import text_lines


def read_vectors(path: str | Path, wanted: Callable[[str], bool] | None = None) -> tuple[list[str], np.ndarray]:
    """Return the wanted words of a file (all by default) and their vectors, one row each, as float32.

    Each line is a word and its numbers, separated by spaces; word2vec's header (two integers) is skipped. A word may
    contain spaces; the first of several vectors of a word is kept. Raises DataError, with ``file:line``, for a line of
    another length and for values that are not finite numbers.
    """
    words: dict[str, np.ndarray] = {}
    size = 0
    for number, line in _vector_lines(path):
        size = size or line.count(" ")
        word, *values = line.rsplit(" ", size)
        if len(values) != size or not word:
            raise DataError(f"{path}:{number}: expected a word and {size} numbers, got {len(values)} numbers")
        if word not in words and (wanted is None or wanted(word)):
            words[word] = _vector(values, f"{path}:{number}")
    if not size:
        raise DataError(f"{path}:1: holds no vectors; expected a word and its numbers on each line")
    matrix = np.array(list(words.values()), dtype=np.float32).reshape(len(words), size)
    return list(words), matrix


def _vector_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    for number, line in text_lines(path):
        stripped = line.rstrip("\r\n ")
        if stripped and not (number == 1 and _is_header(stripped)):
            yield number, stripped


def _is_header(line: str) -> bool:
    fields = line.split(" ")
    return len(fields) == 2 and all(field.isdecimal() for field in fields)


def _vector(values: list[str], where: str) -> np.ndarray:
    try:
        vector = np.array(values, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{where}: expected numbers after the word: {error}") from None
    if not np.isfinite(vector).all():
        raise DataError(f"{where}: expected finite numbers")
    return vector
