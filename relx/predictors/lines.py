"""Prediction line by line: one line out for each line in, in order, whatever the lines hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.errors import DataError
from relx.predictors.predictor import CHUNK, Predictor
from relx.readers import form_of
from relx.readers.records import parse_record

OWN = "jsonl"
ANOTHER_FORM = "this looks like the form of the reader {0!r}; relx convert --from {0} --to jsonl makes lines of it"


@dataclass(frozen=True)
class Failure:
    """A line that could not be read, and why."""

    line: int
    error: str


def predict_lines(
    predictor: Predictor, lines: Iterable[bytes], name: str, plain_text: bool, record_errors: bool
) -> Iterator[dict[str, Any]]:
    """The answer to each line, as JSON objects.

    Lines are JSON records, or with ``plain_text`` raw text. A bad line raises DataError with its number or, with
    ``record_errors``, is answered by an object with ``error`` and ``line``.
    """
    numbered = enumerate(lines, 1)
    while chunk := list(islice(numbered, CHUNK)):
        parsed = [_parse(number, line, plain_text) for number, line in chunk]
        records = tokenized([None if isinstance(value, Failure) else value for value in parsed], predictor.tokenizer)
        pairs = zip(chunk, parsed, records, strict=True)
        examples = [value if isinstance(value, Failure) else _example(n, record) for (n, _), value, record in pairs]
        # The lines before a bad one are answered before it is reported.
        yield from _answers(predictor, examples, name, record_errors)


def _answers(
    predictor: Predictor, examples: list[Example | Failure], name: str, record_errors: bool
) -> Iterator[dict[str, Any]]:
    predicted = predictor.stream(example for example in examples if isinstance(example, Example))
    for example in examples:
        if isinstance(example, Example):
            yield example_to_json(next(predicted))
        elif record_errors:
            yield {"error": example.error, "line": example.line}
        else:
            raise DataError(f"{name}:{example.line}: {example.error} (--on-error record goes on after a bad line)")


def _parse(number: int, line: bytes, plain_text: bool) -> Any:
    """The record of a line, or a Failure."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        return Failure(number, f"not UTF-8 text (byte {error.start + 1} of the line)")
    if plain_text:
        return {"text": text}
    if not text.strip():
        return Failure(number, "the line is empty; expected a JSON object with text or tokens")
    try:
        return parse_record(text)
    except BadRecord as error:
        return Failure(number, f"{error} (--text reads lines of plain text)")


def _example(number: int, record: Any) -> Example | Failure:
    try:
        return example_from_json(record)
    except BadRecord as error:
        form = form_of(record) if isinstance(record, dict) else None
        return Failure(number, str(error) if form in (None, OWN) else f"{error}; {ANOTHER_FORM.format(form)}")
