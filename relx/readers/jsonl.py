"""relx's own form."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.alignment import same_words
from relx.data.document_json import document_from_json, is_document
from relx.data.example import Example
from relx.data.json_form import FOREIGN, KEYS, example_from_json, example_to_json, to_line, tokenized
from relx.data.json_validation import BadRecord
from relx.errors import DataError
from relx.readers.documents import examples_of
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.records import Record
from relx.registry import Injected
from relx.utils.files import atomic_write
from relx.utils.text import printable

logger = logging.getLogger(__name__)

TEXTS_AT_ONCE = 512
ERROR, LINE = "error", "line"
SHOWN = 10
CONTRADICTED = "sentences with tokens that differ from the text at their offsets; the tokens are read as they are"


class TextReader(JsonReader):
    """Read records that can be put in relx's own form; texts without tokens are split by the tokenizer.

    Args:
        tokenizer: The tokenizer of the experiment.
    """

    def __init__(self, tokenizer: Injected[Tokenizer]):
        self.tokenizer = tokenizer

    def records(self, path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[Record]:
        """Yield the records of a file in relx's own form; tokenize their texts in large groups.

        At the end, log which lines hold an error and which keys were kept under ``meta``.
        """
        plain = self._own_records(path, on_fault)
        errors: list[int] = []
        further: Counter[str] = Counter()
        while chunk := list(islice(plain, TEXTS_AT_ONCE)):
            for record in chunk:
                if isinstance(record.value, dict) and _is_error(record.value):
                    errors.append(record.line)
                elif isinstance(record.value, dict) and not is_document(record.value):
                    further.update(key for key in record.value if key not in KEYS)
            values = tokenized([_without_tokens(record.value) for record in chunk], self.tokenizer)
            for record, value in zip(chunk, values, strict=True):
                yield record if is_document(record.value) else Record(record.line, value)
        if errors:
            lines = ", ".join(map(str, errors[:SHOWN])) + ", ..." * (len(errors) > SHOWN)
            logger.warning("%s: %d lines hold an error in place of a sentence: %s", path, len(errors), lines)
        if further:
            keys = ", ".join(f"{printable(key, 60)} ({count})" for key, count in further.most_common(SHOWN))
            logger.warning("%s: keys without a meaning to relx are kept under meta: %s", path, keys)

    def own_form(self, value: Any) -> Any:
        """Return the record in relx's own form; readers of similar forms override this method. Raises BadRecord."""
        return value

    def examples(self, record: Any) -> list[Example]:
        """Return the sentence of a record, or the sentences of a document. Raises BadRecord."""
        return examples_of(document_from_json(record)) if is_document(record) else [self.example(record)]

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        if isinstance(record, dict) and _is_error(record):
            return Example([], meta=record)
        example = example_from_json(record)
        text, pairs = example.text or "", zip(example.tokens, example.offsets or (), strict=False)
        if not all(token == text[start:end] or same_words(token, text[start:end]) for token, (start, end) in pairs):
            self.note(CONTRADICTED)
        return example

    def _own_records(self, path: str | Path, on_fault: Callable[[DataError], None] | None) -> Iterator[Record]:
        for line, value in super().records(path, on_fault):
            try:
                record = Record(line, self.own_form(value))
            except BadRecord as error:
                fault = DataError(f"{path}:{line}: {error}")
                if on_fault is None:
                    raise fault from None
                on_fault(fault)
            else:
                yield record


@DatasetReader.register("jsonl")
class JsonlReader(TextReader):
    """Read relx's own JSON form; records with text alone are split by the experiment's tokenizer.

    Keys without a meaning are kept under ``meta``. A line that ``relx predict --on-error record`` wrote for a bad line
    is a sentence without tokens that has the error under ``meta``.
    """

    @classmethod
    def recognises_record(cls, record: dict[str, Any]) -> bool:
        """Whether the sentence is there, or an error in its place. A record of another form may look so too."""
        return (
            is_document(record)
            or ("tokens" in record or "text" in record or _is_error(record))
            and not (FOREIGN & record.keys())
        )

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """One line for each Example. Raises RelxError when the file cannot be written."""
        with atomic_write(path) as file:
            for example in examples:
                file.write(to_line(example_to_json(example)) + "\n")


def holds_error(example: Example) -> bool:
    """Return whether a sentence holds an error in place of a prediction."""
    return not example.tokens and ERROR in (example.meta or {})


def _without_tokens(value: Any) -> Any:
    """Return a record that the tokenizer completes; None in place of a document, whose sentences have tokens."""
    return None if is_document(value) else value


def _is_error(record: dict[str, Any]) -> bool:
    return record.keys() == {ERROR, LINE}
