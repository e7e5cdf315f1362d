"""Extraction with a trained archive."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from relx import archive
from relx.archive import Archive
from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.data.json_form import example_from_json, tokenized
from relx.data.loader import DataLoader
from relx.errors import DataError, RelxError
from relx.runtime import lacks_memory, prepare_process, require_device

# Enough sentences for batches of like length, few enough to hold in memory whatever the input's size.
CHUNK = 1024
LOADER = DataLoader(batch_size=64, max_tokens=4096)


class NoMemory(RelxError):
    """A sentence whose prediction needs more memory than there is."""


Input = str | list[str] | dict[str, Any] | Example


class Predictor:
    """Extracts entities and relations with a trained model.

    >>> predictor = Predictor.load("model.tar.gz")
    >>> [example] = predictor(["Ada Lovelace was born in London."])
    """

    def __init__(self, opened: Archive) -> None:
        self.archive = opened
        self.model = opened.model
        self.tokenizer = opened.parts.tokenizer

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu", overrides: Iterable[str] = ()) -> "Predictor":
        """Open an archive for prediction; ``overrides`` are those of ``archive.load``.

        Raises ArchiveError, and RelxError for a device that is not there.
        """
        prepare_process()
        require_device(device)
        opened = archive.load(path, overrides)
        opened.model.to(device)
        return cls(opened)

    def __call__(self, inputs: Sequence[Input]) -> list[Example]:
        """The predictions for texts, lists of tokens, records of relx's JSON form, or Examples, in their order.

        Raises BadRecord for an input that is none of these, and for a single text that is not in a list.
        """
        if isinstance(inputs, str):
            raise BadRecord("expected a list of inputs, got one text; write predictor([text])")
        return list(self.stream(self.examples(inputs)))

    def examples(self, inputs: Sequence[Input]) -> list[Example]:
        """Inputs as Examples, raw texts split by the archive's tokenizer. Raises BadRecord, with the input's number."""
        records = tokenized([as_record(value) for value in inputs], self.tokenizer)
        return [self._example(number, record) for number, record in enumerate(records, 1)]

    def stream(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Predictions in order, in constant memory.

        Raises NoMemory for a sentence that needs more than there is, DataError for one that lacks what the model needs
        to know of it, such as tags that should have been given.
        """
        for answer in self.attempts(examples):
            if isinstance(answer, RelxError):
                raise answer
            yield answer

    def attempts(self, examples: Iterable[Example]) -> Iterator[Example | NoMemory | DataError]:
        """The same, with the error in place of the prediction of such a sentence."""
        remaining = iter(examples)
        while chunk := list(islice(remaining, CHUNK)):
            yield from self._attempt(chunk)

    def _attempt(self, examples: list[Example], annotated: bool = False) -> list[Example | NoMemory | DataError]:
        """Each half for itself where something is amiss with all together, until it is known with which sentence."""
        fault: NoMemory | DataError
        try:
            examples = examples if annotated else self.archive.parts.annotated(examples)
            annotated = True
            return [*self.model.extract(examples, LOADER)]
        except DataError as error:
            fault = error
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            fault = NoMemory(f"the memory does not suffice for a sentence of {len(examples[0]):,} tokens; split it")
        if len(examples) == 1:
            return [fault]
        half = len(examples) // 2
        return self._attempt(examples[:half], annotated) + self._attempt(examples[half:], annotated)

    def _example(self, number: int, record: Any) -> Example:
        if isinstance(record, Example):
            return record
        try:
            return example_from_json(record)
        except BadRecord as error:
            raise BadRecord(f"input {number}: {error}") from None


def as_record(value: Input) -> Any:
    """A text or a list of tokens as a record; anything else as it is."""
    if isinstance(value, str):
        return {"text": value}
    return {"tokens": value} if isinstance(value, list) else value
