"""What a Python program gives to a predictor, made Examples."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any

from relx import archive
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.archive import Archive
from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.data.json_validation import BadRecord, shown
from relx.data.loader import DataLoader
from relx.errors import DataError, RelxError
from relx.utils.runtime import lacks_memory, prepare_process, require_device

Input = str | Sequence[str] | Mapping[str, Any] | Example

SEVERAL = "expected a list of inputs"
EXPECTED = "expected a text, a list of tokens, a record (dict) or an Example"
PAIRS = "text: holds surrogate pairs, so offsets and characters count them twice; join each pair to one character first"


def several(inputs: Any) -> Iterator[Any]:
    """Return an iterator over inputs. Raises BadRecord for a single input, a table and whatever cannot be iterated."""
    if hasattr(inputs, "columns"):
        raise BadRecord(f"{SEVERAL}, got a table; give a column of texts, or a list of its rows as dicts")
    if isinstance(inputs, str | bytes | Mapping | Example) or hasattr(inputs, "_asdict"):
        name = "text" if isinstance(inputs, str) else type(inputs).__name__
        raise BadRecord(f"{SEVERAL}, got one {name}; write predictor([{name}])")
    try:
        return iter(inputs)
    except TypeError:
        raise BadRecord(f"{SEVERAL}, got {shown(inputs)}") from None


def read_inputs(inputs: Iterable[Any], tokenizer: Tokenizer) -> list[Example | BadRecord]:
    """Return each input as an Example, raw texts split by the tokenizer, or what is wrong with it."""
    records = tokenized([_record(value) for value in inputs], tokenizer)
    return [record if isinstance(record, BadRecord) else _example(record) for record in records]


def _example(record: dict[str, Any]) -> Example | BadRecord:
    try:
        return example_from_json(record)
    except BadRecord as error:
        return error


def _record(value: Any) -> dict[str, Any] | BadRecord:
    """Return the record that a file would hold for an input: numpy's values as Python's, ``meta`` as it is."""
    try:
        given = _described(value)
        record = {key: _plain(key, item) for key, item in given.items() if key != "meta"}
        if _counts_characters(record) and len(record["text"]) != len(given["text"]):
            raise BadRecord(PAIRS)
    except BadRecord as error:
        return error
    return record | ({"meta": given["meta"]} if "meta" in given else {})


def _described(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Example):
        try:
            return example_to_json(value.unlabelled())
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise BadRecord(f"an Example with fields of wrong types: {error}") from None
    row = _row(value)
    if row is not None:
        return row
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:
        return {"tokens": value}
    hint = "; decode it first" if isinstance(value, bytes) else ""
    raise BadRecord(f"{EXPECTED}, got {shown(value)}{hint}")


def _row(value: Any) -> Mapping[Any, Any] | None:
    """Return a dict, or the row of a table (of pandas, or a named tuple), by the names of its columns."""
    as_dict = getattr(value, "to_dict", None) or getattr(value, "_asdict", None)
    return value if isinstance(value, Mapping) else as_dict() if callable(as_dict) else None


def _plain(key: Any, value: Any) -> Any:
    """Return a value of a record as JSON gives it back, which joins surrogate pairs. Raises BadRecord."""
    if not isinstance(key, str):
        raise BadRecord(f"{shown(key)}: a key of a record is a string")
    try:
        return json.loads(json.dumps(value, default=_as_python, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(f"{key}: {error}") from None


def _as_python(value: Any) -> Any:
    if hasattr(value, "tolist"):  # arrays and numbers of numpy, tensors, columns of tables
        return value.tolist()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON can hold a value of the type {type(value).__name__}")


def _counts_characters(record: dict[str, Any]) -> bool:
    entities = record.get("entities")
    mentions = [item for item in entities if isinstance(item, dict)] if isinstance(entities, list) else []
    places = record.get("offsets") or any(mention.get("characters") for mention in mentions)
    return isinstance(record.get("text"), str) and bool(places)


# Enough sentences for batches of like length, few enough to hold in memory whatever the input's size.
CHUNK = 1024
SHOWN = 6  # faults in one message
LOADER = DataLoader(batch_size=64, max_tokens=4096)


class NoMemory(RelxError):
    """A sentence whose prediction needs more memory than there is."""


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

    def __call__(self, inputs: Iterable[Input]) -> list[Example]:
        """Return the predictions for texts, lists of tokens, records of relx's JSON form, or Examples, in their order.

        Raises BadRecord, before anything is predicted, if an input is none of these, and the errors of ``stream``.
        ``attempts`` answers the other inputs of such a list.
        """
        examples = read_inputs(several(inputs), self.tokenizer)
        faults = [f"input {i}: {fault}" for i, fault in enumerate(examples, 1) if isinstance(fault, BadRecord)]
        if faults:
            more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
            raise BadRecord("\n".join(faults[:SHOWN] + more))
        chunks = (examples[start : start + CHUNK] for start in range(0, len(examples), CHUNK))
        return list(_raising(answer for chunk in chunks for answer in self.answer(chunk)))

    def stream(self, inputs: Iterable[Input]) -> Iterator[Example]:
        """Return the predictions for any number of inputs, in order and in constant memory.

        Raises, with the number of the input, BadRecord for one that cannot be read, NoMemory for one that needs more
        memory than there is, DataError for one that lacks what the model needs to know of it, such as given tags.
        """
        return _raising(self.attempts(inputs))

    def attempts(self, inputs: Iterable[Input]) -> Iterator[Example | RelxError]:
        """Return the same, with the error in place of the prediction for such an input."""
        return self._attempts(several(inputs))

    def answer(self, examples: Sequence[Example | RelxError]) -> list[Example | RelxError]:
        """Return the prediction for each Example, or the error in its place; errors stay as they are."""
        sound = [example for example in examples if isinstance(example, Example)]
        answers = iter(self._attempt(sound) if sound else [])
        return [next(answers) if isinstance(example, Example) else example for example in examples]

    def _attempts(self, inputs: Iterator[Any]) -> Iterator[Example | RelxError]:
        while chunk := list(islice(inputs, CHUNK)):
            yield from self.answer(read_inputs(chunk, self.tokenizer))

    def _attempt(self, examples: list[Example], annotated: bool = False) -> list[Example | RelxError]:
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


def _raising(answers: Iterable[Example | RelxError]) -> Iterator[Example]:
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, RelxError):
            raise type(answer)(f"input {number}: {answer}")
        yield answer
