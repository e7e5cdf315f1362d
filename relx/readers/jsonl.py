"""relx's own form."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.json_form import KEYS, example_from_json, example_to_json, to_line, tokenized
from relx.files import atomic_write
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.records import Record
from relx.registry import Injected
from relx.tokenizers.tokenizer import Tokenizer

TEXTS_AT_ONCE = 512


@DatasetReader.register("jsonl")
class JsonlReader(JsonReader):
    """relx's own JSON form; records with text alone are split by the experiment's tokenizer."""

    def __init__(self, tokenizer: Injected[Tokenizer]):
        self.tokenizer = tokenizer

    @classmethod
    def recognises_record(cls, record: dict[str, Any]) -> bool:
        """Whether every key is one of ours, and the sentence is there."""
        return record.keys() <= set(KEYS) and ("tokens" in record or "text" in record)

    def records(self, path: str | Path) -> Iterator[Record]:
        """The records of a file, their texts tokenized many at a time."""
        plain = super().records(path)
        while chunk := list(islice(plain, TEXTS_AT_ONCE)):
            values = tokenized([record.value for record in chunk], self.tokenizer)
            yield from (Record(record.line, value) for record, value in zip(chunk, values, strict=True))

    def example(self, record: Any) -> Example:
        """The Example of one record. Raises BadRecord, which says what was expected."""
        return example_from_json(record)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """One line for each Example. Raises RelxError when the file cannot be written."""
        with atomic_write(path) as file:
            for example in examples:
                file.write(to_line(example_to_json(example)) + "\n")
