"""relx's own form."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from relx.annotators.sentence_splitters.splitter import SentenceSplitter, SentenceTokenizer, Span
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.alignment import same_words
from relx.data.document_json import document_from_json, is_document
from relx.data.example import Example
from relx.data.json_form import FOREIGN, KEYS, example_from_json, example_to_json, to_line, tokenized
from relx.data.json_validation import BadRecord
from relx.data.windows import windows
from relx.errors import DataError
from relx.readers.documents import cut_document
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.records import Record
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes
from relx.utils.files import atomic_write
from relx.utils.text import printable

logger = logging.getLogger(__name__)

TEXTS_AT_ONCE = 512
ERROR, LINE = "error", "line"
SHOWN = 10
LONG = 200
LONG_TEXTS = (
    f"texts of several sentences and more than {LONG} tokens, which relx reads as one sentence each; the argument "
    "window of the reader splits them"
)
CONTRADICTED = "sentences with tokens that differ from the text at their offsets; relx uses the tokens"


class TextReader(JsonReader):
    """Read records that can be put in relx's own form; texts without tokens are split by the tokenizer.

    Args:
        tokenizer: The tokenizer of the experiment.
        sentence_splitter: The sentence splitter of the experiment.
        window: The number of neighboring sentences that the model reads as one: texts without tokens are split into
            sentences. Without it each text is one sentence.
    """

    def __init__(
        self, tokenizer: Injected[Tokenizer], sentence_splitter: Injected[SentenceSplitter], window: int | None = None
    ) -> None:
        require_sizes(window=window)
        self.tokenizer = tokenizer if window is None else SentenceTokenizer(tokenizer, sentence_splitter)
        self.sentence_splitter = sentence_splitter
        self.window = window
        self._spans: dict[int, list[Span]] = {}

    def records(self, path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[Record]:
        """Yield the records of a file in relx's own form; tokenize their texts in large groups.

        At the end, log which lines hold an error and which keys were kept under ``meta``.
        """
        plain = self._own_records(path, on_fault)
        errors: list[int] = []
        further: Counter[str] = Counter()
        while chunk := list(islice(plain, TEXTS_AT_ONCE)):
            for record in chunk:
                if isinstance(record.value, dict) and is_error(record.value):
                    errors.append(record.line)
                elif isinstance(record.value, dict) and not is_document(record.value):
                    further.update(key for key in record.value if key not in KEYS)
            for record, value in zip(chunk, self._with_tokens([record.value for record in chunk]), strict=True):
                yield Record(record.line, value)
        if errors:
            lines = ", ".join(map(str, errors[:SHOWN])) + ", ..." * (len(errors) > SHOWN)
            logger.warning("%s: %d lines hold an error in place of a sentence: %s", path, len(errors), lines)
        if further:
            keys = ", ".join(f"{printable(key, 60)} ({count})" for key, count in further.most_common(SHOWN))
            logger.warning("%s: relx does not know these keys and keeps them under meta: %s", path, keys)

    def _with_tokens(self, values: list[Any]) -> list[Any]:
        """Return the records with tokens; documents, whose sentences have tokens, stay as they are."""
        own = [None if is_document(value) else value for value in values]
        completed = tokenized(own, self.tokenizer)
        if isinstance(self.tokenizer, SentenceTokenizer):
            # The records of one call are read before the next call.
            made = [new for old, new in zip(own, completed, strict=True) if new is not old]
            self._spans = {id(new): self.tokenizer.spans[new["text"]] for new in made}
        return [old if new is None else new for old, new in zip(values, completed, strict=True)]

    def own_form(self, value: Any) -> Any:
        """Return the record in relx's own form; readers of similar forms override this method. Raises BadRecord."""
        return value

    def examples(self, record: Any) -> list[Example]:
        """Return the sentence of a record, or the windows of a text or of a document. Raises BadRecord."""
        if is_document(record):
            return windows(document_from_json(record), self.window or 1)
        example = self.example(record)
        if self.window is None or not example.tokens or id(record) not in self._spans:
            self._note_long_text(example)
            return [example]
        return windows(cut_document(example, self._spans[id(record)]), self.window)

    def _note_long_text(self, example: Example) -> None:
        is_long = example.text is not None and len(example) > LONG
        if is_long and len(self.sentence_splitter.split([example.text or ""])[0]) > 1:
            self.note(LONG_TEXTS)

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        if isinstance(record, dict) and is_error(record):
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
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether the sentence is there, or an error in its place. A record of another form may look so too."""
        return (
            is_document(record)
            or ("tokens" in record or "text" in record or is_error(record))
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


def is_error(record: dict[str, Any]) -> bool:
    """Return whether a record holds an error in place of a sentence."""
    return {ERROR, LINE} <= record.keys() <= {ERROR, LINE, "file"}
