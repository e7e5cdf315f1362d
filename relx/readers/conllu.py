"""Treebanks in CoNLL-U."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from relx.data.example import Example
from relx.data.json_validation import shown
from relx.data.trees import tree_fault
from relx.errors import DataError, Faults
from relx.readers.reader import DatasetReader
from relx.utils.files import text_lines

ID, FORM, UPOS, XPOS, HEAD, DEPREL = 0, 1, 3, 4, 6, 7
COLUMNS = 10
EXPECTED = f"expected CoNLL-U: {COLUMNS} columns between tabs on the line of a word, a blank line after each sentence"

# A range is a multi-word token, whose words follow it; a decimal is an empty node of the enhanced graph.
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_EMPTY_NODE = re.compile(r"[0-9]+\.[0-9]+")
_COMMENT = re.compile(r"#\s*(sent_id|text)\s*=\s*(.*\S)")


class Word(NamedTuple):
    """The columns of a word, and its ``file:line``."""

    where: str
    columns: list[str]


class Sentence(NamedTuple):
    """What its comments say, its words, and its multi-word tokens: the last word and the form, by the first word."""

    comments: dict[str, str]
    words: list[Word]
    ranges: dict[int, tuple[int, str]]


@DatasetReader.register("conllu")
class ConlluReader(DatasetReader):
    """Read treebanks of Universal Dependencies: words, tags and dependency trees, without entities and relations.

    A sentence keeps its ``# text``, and the offsets of its words where they follow one another in it; the words of a
    multi-word token share its characters.

    Args:
        tagset: The treebank's own tags (``xpos``), with the universal tag of a word that has none, or the universal
            tags (``upos``).
    """

    def __init__(self, tagset: Literal["xpos", "upos"] = "xpos") -> None:
        self.tagset = tagset

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """By its name, ``*.conllu``, or by the columns of a word on the first line that is no comment."""
        if Path(str(path).removesuffix(".gz")).suffix == ".conllu" and Path(path).is_file():
            return True
        try:
            lines = (line for _, line in text_lines(path) if line.strip() and not line.startswith("#"))
            columns = next(lines, "").split("\t")
        except DataError:
            return False
        return len(columns) == COLUMNS and columns[ID][:1].isdigit()

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of a file, in order.

        Raises DataError, after the last sentence, for all bad lines and sentences, each with its ``file:line``.
        """
        faults, found = Faults(), False
        for sentence in _sentences(path, faults):
            found = True
            with faults.gathered():
                yield self._example(sentence)
        faults.raise_any()
        if not found:
            raise DataError(f"{path}:1: holds no sentence; {EXPECTED}")

    def _example(self, sentence: Sentence) -> Example:
        words, heads = sentence.words, _heads(sentence.words)
        tokens = [_form(word, number) for number, word in enumerate(words, 1)]
        return Example(
            tokens,
            text=sentence.comments.get("text"),
            offsets=_offsets(sentence),
            pos_tags=_if_any(words, self._tag),
            dependency_heads=heads,
            deprels=_deprels(words, heads),
            id=sentence.comments.get("sent_id"),
        )

    def _tag(self, columns: list[str]) -> str:
        own, universal = columns[XPOS], columns[UPOS]
        return own if self.tagset == "xpos" and own != "_" else universal


def _sentences(path: str | Path, faults: Faults) -> Iterator[Sentence]:
    """Yield the sentences that have words and no bad line."""
    sentence, whole = Sentence({}, [], {}), True
    for number, line in text_lines(path, faults.add):
        line = line.rstrip("\r\n")
        if line.startswith("#"):
            match = _COMMENT.match(line)
            sentence.comments.update({match[1]: match[2]} if match else {})
        elif line.strip():
            try:
                _add_row(sentence, Word(f"{path}:{number}", line.split("\t")))
            except DataError as error:
                faults.add(error)
                whole = False
        else:
            if sentence.words and whole:
                yield sentence
            sentence, whole = Sentence({}, [], {}), True
    if sentence.words and whole:
        yield sentence


def _add_row(sentence: Sentence, row: Word) -> None:
    where, columns = row
    if len(columns) != COLUMNS:
        raise DataError(f"{where}: {len(columns)} columns; {EXPECTED}")
    several = _RANGE.fullmatch(columns[ID])
    if several:
        sentence.ranges[int(several[1])] = int(several[2]), columns[FORM]
    elif not _EMPTY_NODE.fullmatch(columns[ID]):
        sentence.words.append(row)


def _offsets(sentence: Sentence) -> list[tuple[int, int]] | None:
    """Return the characters of each word in the text; None if the text is not the sequence of the words."""
    offsets: list[tuple[int, int]] = []
    text, end = sentence.comments.get("text", ""), 0
    for number, word in enumerate(sentence.words, 1):
        if number <= len(offsets):  # is in a multi-word token
            continue
        last, form = sentence.ranges.get(number, (number, word.columns[FORM]))
        start = text.find(form, end)
        if start < 0 or text[end:start].strip() or last > len(sentence.words):
            return None
        end = start + len(form)
        offsets += [(start, end)] * (last + 1 - number)
    return offsets if len(offsets) == len(sentence.words) else None


def _form(word: Word, number: int) -> str:
    if word.columns[ID] != str(number):
        raise DataError(f"{word.where}: ID: expected {number}, the word's number, got {shown(word.columns[ID])}")
    if not word.columns[FORM].strip():
        raise DataError(f"{word.where}: FORM: expected a word, got {shown(word.columns[FORM])}")
    return word.columns[FORM]


def _heads(words: Sequence[Word]) -> list[int] | None:
    """Return the heads; None if no word has one."""
    if all(word.columns[HEAD] == "_" for word in words):
        return None
    numbers = {str(number): number for number in range(len(words) + 1)}
    for where, columns in words:
        if columns[HEAD] not in numbers:
            expected = f"0 (root) or a word's number, 1 to {len(words)}"
            raise DataError(f"{where}: HEAD: expected {expected}, got {shown(columns[HEAD])}")
    heads = [numbers[word.columns[HEAD]] for word in words]
    fault = tree_fault(heads)
    if fault is not None:
        raise DataError(f"{words[fault[0]].where}: HEAD: {fault[1]}")
    return heads


def _deprels(words: Sequence[Word], heads: list[int] | None) -> list[str] | None:
    """Return the relations to the heads; None if no word has one."""
    deprels = _if_any(words, lambda columns: columns[DEPREL])
    if deprels is None:
        return None
    if heads is None:
        raise DataError(f"{words[0].where}: HEAD: expected heads, as there are relations to them (DEPREL)")
    if "_" in deprels:
        where = words[deprels.index("_")].where
        raise DataError(f'{where}: DEPREL: expected a relation, as other words of the sentence have one, got "_"')
    return deprels


def _if_any(words: Sequence[Word], value: Callable[[list[str]], str]) -> list[str] | None:
    """Return a value for each word; None if no word has one."""
    values = [value(word.columns) for word in words]
    return values if any(value != "_" for value in values) else None
