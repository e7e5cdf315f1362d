"""Names from a list, marked as entities where a sentence has their tokens."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.example import Entity, Example
from relx.errors import DataError, Faults
from relx.utils.files import text_lines
from relx.utils.text import printable

COLUMNS = ("name", "type")

# The trie of names by their tokens. Under END, which is no token, is the type of the name that ends there.
Trie = dict[str | None, Any]
END = None


class Gazetteer:
    """Mark the names of a list as entities in sentences: exact matches of tokens, the longest first.

    ``names`` maps each name to its type, None for none. ``tokenizer`` splits the names as it splits texts. With
    ``ignore_case`` the case of letters does not matter. Raises DataError for a name without tokens, and for names that
    have the same tokens and two types. ``samples`` has an entity of each type, with one of its names as text.
    """

    def __init__(self, names: Mapping[str, str | None], tokenizer: Tokenizer, ignore_case: bool = False) -> None:
        self.fold = str.casefold if ignore_case else str
        self.samples = [Entity(0, 1, type, name) for type, name in {type: name for name, type in names.items()}.items()]
        self._trie: Trie = {}
        faults = Faults()
        for (name, type), tokens in zip(names.items(), tokenizer.tokenize(list(names)), strict=True):
            with faults.gathered():
                self._add(name, type, tokens.words)
        faults.raise_any()

    @classmethod
    def read(cls, path: str | Path, tokenizer: Tokenizer, ignore_case: bool = False) -> "Gazetteer":
        """Read the names of a CSV file, which has the columns ``name`` and ``type`` and perhaps others.

        Raises DataError with all faults of the file.
        """
        faults, names = Faults(), dict[str, str | None]()
        for line, name, type in _rows(path, faults):
            if not name:
                faults.add(DataError(f"{path}:{line}: the name is empty"))
            elif names.setdefault(name, type) != type:
                faults.add(DataError(f"{path}:{line}: {_two_types(name, names[name], type)}"))
        faults.raise_any()
        if not names:
            raise DataError(f"{path}: has no names below its first line")
        try:
            return cls(names, tokenizer, ignore_case)
        except DataError as error:
            raise DataError(*(f"{path}: {fault}" for fault in error.faults)) from None

    def annotate(self, example: Example) -> Example:
        """Copy a sentence with the names found in place of its labels, in the order of the text.

        Of names that overlap the longest counts, and of equally long ones the first in the text.
        """
        matches = sorted(self._matches(example.tokens), key=lambda match: (match[0] - match[1], match[0]))
        taken = [False] * len(example)
        entities = []
        for start, end, type in matches:
            if not any(taken[start:end]):
                taken[start:end] = [True] * (end - start)
                entities.append(Entity(start, end, type))
        return replace(example, entities=sorted(entities, key=lambda entity: entity.span), relations=[])

    def _matches(self, tokens: list[str]) -> Iterator[tuple[int, int, str | None]]:
        """Yield (start, end, type) of each place where the tokens of a name are."""
        folded = list(map(self.fold, tokens))
        for start in range(len(folded)):
            node = self._trie
            for end, token in enumerate(folded[start:], start + 1):
                if token not in node:
                    break
                node = node[token]
                if END in node:
                    yield start, end, node[END]

    def _add(self, name: str, type: str | None, tokens: Iterable[str]) -> None:
        node = self._trie
        for token in map(self.fold, tokens):
            node = node.setdefault(token, {})
        if node is self._trie:
            raise DataError(f"the name {printable(repr(name))} has no visible characters")
        if node.setdefault(END, type) != type:
            raise DataError(_two_types(name, node[END], type))


def _two_types(name: str, one: str | None, other: str | None) -> str:
    types = " and ".join("no type" if type is None else printable(repr(type)) for type in (one, other))
    return f"the name {printable(repr(name))} has two types, {types}; keep one of them"


def _rows(path: str | Path, faults: Faults) -> Iterator[tuple[int, str, str | None]]:
    """Yield line, name and type of each row of a CSV file; add those of a wrong length to ``faults``.

    Raises DataError for a file without the columns and for what is no CSV.
    """
    rows = csv.reader((line for _, line in text_lines(path)), strict=True)
    try:
        columns = [column.strip() for column in next(rows, [])]
        if not columns:
            raise DataError(f"{path}: is empty; expected the columns {' and '.join(COLUMNS)} in its first line")
        if not {*COLUMNS} <= {*columns}:
            found = printable(", ".join(map(repr, columns)), 100)
            raise DataError(f"{path}:1: expected a line that names the columns {' and '.join(COLUMNS)}, got {found}")
        for row in filter(None, rows):
            if len(row) != len(columns):
                faults.add(DataError(f"{path}:{rows.line_num}: expected {len(columns)} values, got {len(row)}"))
                continue
            values = dict(zip(columns, row, strict=True))
            yield rows.line_num, values["name"].strip(), values["type"].strip() or None
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: not CSV: {error}") from None
