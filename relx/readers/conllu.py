"""Treebanks in CoNLL-U."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from relx.data.example import Example
from relx.data.fields import shown
from relx.errors import DataError
from relx.files import text_lines
from relx.readers.reader import DatasetReader

ID, FORM, UPOS, XPOS, HEAD, DEPREL = 0, 1, 3, 4, 6, 7
COLUMNS = 10
EXPECTED = f"expected CoNLL-U: {COLUMNS} columns between tabs on the line of a word, a blank line after each sentence"

# A range is a multi-word token, whose words follow it; a decimal is an empty node of the enhanced graph.
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")
_NAME = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")


class Word(NamedTuple):
    """The columns of a word, and its ``file:line``."""

    where: str
    columns: list[str]


@DatasetReader.register("conllu")
class ConlluReader(DatasetReader):
    """Treebanks of Universal Dependencies: words, tags and dependency trees, without entities and relations.

    ``tagset`` is the treebank's own (``xpos``; the universal tag where a word has none) or the universal one.
    """

    def __init__(self, tagset: Literal["xpos", "upos"] = "xpos") -> None:
        self.tagset = tagset

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether the first line that is no comment has the columns of a word."""
        try:
            lines = (line for _, line in text_lines(path) if line.strip() and not line.startswith("#"))
            columns = next(lines, "").split("\t")
        except DataError:
            return False
        return len(columns) == COLUMNS and columns[ID][:1].isdigit()

    def read(self, path: str | Path) -> Iterator[Example]:
        """The sentences of a file, in order. Raises DataError, starting with ``file:line``, at the first bad line."""
        found = False
        for name, words in _sentences(path):
            found = True
            yield Example(
                [_form(word, number) for number, word in enumerate(words, 1)],
                pos_tags=_if_any(words, self._tag),
                heads=_heads(words),
                deprels=_if_any(words, lambda columns: columns[DEPREL]),
                id=name,
            )
        if not found:
            raise DataError(f"{path}:1: holds no sentence; {EXPECTED}")

    def _tag(self, columns: list[str]) -> str:
        own, universal = columns[XPOS], columns[UPOS]
        return own if self.tagset == "xpos" and own != "_" else universal


def _sentences(path: str | Path) -> Iterator[tuple[str | None, list[Word]]]:
    """The ``sent_id`` and the words of each sentence."""
    name: str | None = None
    words: list[Word] = []
    for number, line in text_lines(path):
        line = line.rstrip("\r\n")
        if line.startswith("#"):
            match = _NAME.match(line)
            name = match[1] if match else name
        elif line.strip():
            columns = line.split("\t")
            if len(columns) != COLUMNS:
                raise DataError(f"{path}:{number}: {len(columns)} columns; {EXPECTED}")
            if not _NO_WORD.fullmatch(columns[ID]):
                words.append(Word(f"{path}:{number}", columns))
        else:
            if words:
                yield name, words
            name, words = None, []
    if words:
        yield name, words


def _form(word: Word, number: int) -> str:
    if word.columns[ID] != str(number):
        raise DataError(f"{word.where}: ID: expected {number}, the word's number, got {shown(word.columns[ID])}")
    if not word.columns[FORM].strip():
        raise DataError(f"{word.where}: FORM: expected a word, got {shown(word.columns[FORM])}")
    return word.columns[FORM]


def _heads(words: Sequence[Word]) -> list[int] | None:
    """The heads; None where no word has one."""
    if all(word.columns[HEAD] == "_" for word in words):
        return None
    numbers = {str(number): number for number in range(len(words) + 1)}
    for where, columns in words:
        if columns[HEAD] not in numbers:
            expected = f"0 (root) or a word's number, 1 to {len(words)}"
            raise DataError(f"{where}: HEAD: expected {expected}, got {shown(columns[HEAD])}")
    return [numbers[word.columns[HEAD]] for word in words]


def _if_any(words: Sequence[Word], value: Callable[[list[str]], str]) -> list[str] | None:
    """A value for each word; None where no word has one."""
    values = [value(word.columns) for word in words]
    return values if any(value != "_" for value in values) else None
