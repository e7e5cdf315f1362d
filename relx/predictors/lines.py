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
    """Why a line could not be read."""

    error: str

    def __str__(self) -> str:
        return self.error


def predict_lines(
    predictor: Predictor,
    lines: Iterable[bytes],
    name: str,
    plain_text: bool,
    record_errors: bool,
    longest: int | None = None,
) -> Iterator[dict[str, Any]]:
    """The answer to each line, as JSON objects.

    Lines are JSON records, or with ``plain_text`` raw text. A bad line, one of more tokens than ``longest`` among them,
    raises DataError with its number or, with ``record_errors``, is answered by an object with ``error`` and ``line``.
    """
    numbered = enumerate(lines, 1)
    while chunk := list(islice(numbered, CHUNK)):
        parsed = [_parse(number, line, plain_text) for number, line in chunk]
        records = tokenized([None if isinstance(value, Failure) else value for value in parsed], predictor.tokenizer)
        pairs = zip(parsed, records, strict=True)
        examples = [value if isinstance(value, Failure) else _example(record, longest) for value, record in pairs]
        # The lines before a bad one are answered before it is reported.
        yield from _answers(predictor, examples, chunk[0][0], name, record_errors)


def _answers(
    predictor: Predictor, examples: list[Example | Failure], first: int, name: str, record_errors: bool
) -> Iterator[dict[str, Any]]:
    predicted = predictor.attempts(example for example in examples if isinstance(example, Example))
    for number, example in enumerate(examples, first):
        answer = next(predicted) if isinstance(example, Example) else example
        if isinstance(answer, Example):
            yield example_to_json(answer)
        elif record_errors:
            yield {"error": str(answer), "line": number}
        else:
            raise DataError(f"{name}:{number}: {answer} (--on-error record goes on after a bad line)")


def _parse(number: int, line: bytes, plain_text: bool) -> Any:
    """The record of a line, or a Failure."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        return Failure(f"not UTF-8 text (byte {error.start + 1} of the line)")
    if plain_text:
        return {"text": text}
    if not text.strip():
        return Failure("the line is empty; expected a JSON object with text or tokens")
    try:
        return parse_record(text)
    except BadRecord as error:
        return Failure(f"{error} (--text reads lines of plain text)")


def _example(record: Any, longest: int | None) -> Example | Failure:
    try:
        example = example_from_json(record)
        if longest is None or len(example) <= longest:
            return example
        return Failure(f"{len(example):,} tokens are more than {longest:,} (--longest); split the text")
    except BadRecord as error:
        form = form_of(record) if isinstance(record, dict) else None
        return Failure(str(error) if form in (None, OWN) else f"{error}; {ANOTHER_FORM.format(form)}")
