"""Predict line by line: one line of output for each line of input, in order, whatever the lines hold."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from relx.calibration.decision import Decision
from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.data.json_validation import BadRecord
from relx.errors import DataError, RelxError
from relx.predictors.predictor import CHUNK, NoMemory, Predictor
from relx.readers import form_of
from relx.readers.records import parse_record
from relx.schema import Enforcement
from relx.utils.text import printable

logger = logging.getLogger(__name__)

OWN = "jsonl"
ANOTHER_FORM = "this looks like the form of the reader {0!r}; relx convert --from {0} --to jsonl makes lines of it"
RECORDS = "%s:%d: --text takes this JSON record as plain text, with its braces and quotes; leave out --text for records"


class Failure(RelxError):
    """The reason why a line has no prediction. The summary counts the lines of each ``kind``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RecordedError(Failure):
    """A line of input that holds an error which an earlier prediction recorded."""


@dataclass
class LinePredictor:
    """Answer each line by a JSON object.

    Lines are JSON records, or with ``plain_text`` raw text; ``name`` is that of their file. A bad line, one of more
    tokens than ``longest`` among them, raises DataError with its number. With ``record_errors`` it is answered by an
    object with ``error`` and ``line`` and counted in ``failures``; such an object in the input is answered by itself.
    ``decision`` says which predictions count, by default that of the archive. ``enforcement`` drops relations that
    break a schema.
    """

    predictor: Predictor
    name: str
    plain_text: bool = False
    record_errors: bool = False
    longest: int | None = None
    decision: Decision | None = None
    enforcement: Enforcement | None = None
    lines: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    first_failure: str = ""
    warned: bool = False

    def answers(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """Return the answer to each line. Raises DataError for a bad one unless errors are recorded."""
        numbered = enumerate(lines, 1)
        while chunk := list(islice(numbered, CHUNK)):
            parsed = [self._parse(number, line) for number, line in chunk]
            records = tokenized(
                [None if isinstance(value, Failure) else value for value in parsed], self.predictor.tokenizer
            )
            pairs = zip(parsed, records, strict=True)
            examples = [value if isinstance(value, Failure) else self._example(record) for value, record in pairs]
            # The lines before a bad one are answered before it is reported.
            for answer in self.predictor.answer(examples, self.decision):
                self.lines += 1
                yield self._answer(answer)

    def _answer(self, answer: Example | RelxError) -> dict[str, Any]:
        if isinstance(answer, RelxError):
            return self._failure(answer)
        if self.enforcement is not None:
            answer = self.enforcement.sentence(answer, f"{self.name}:{self.lines}")
        return example_to_json(answer)

    def summary(self) -> str:
        """Return how many lines have no prediction, and why; nothing if all have one."""
        if not self.failures:
            return ""
        kinds = "".join(f"\n  {count:,} {kind}" for kind, count in self.failures.most_common())
        total = self.failures.total()
        return (
            f"{total:,} of {self.lines:,} lines have no prediction; the first is {printable(self.first_failure)}{kinds}"
        )

    def _failure(self, error: RelxError) -> dict[str, Any]:
        where = f"{self.name}:{self.lines}"
        if not self.record_errors and not isinstance(error, RecordedError):
            raise DataError(f"{where}: {error} (--on-error record goes on after a bad line)")
        self.first_failure = self.first_failure or f"{where}: {error}"
        self.failures[_kind(error)] += 1
        return {"error": str(error), "line": self.lines}

    def _parse(self, number: int, line: bytes) -> Any:
        """Return the record of a line, or a Failure."""
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            return Failure("not UTF-8", f"not UTF-8 text (byte {error.start + 1} of the line)")
        if self.plain_text:
            self._warn_of_record(number, text)
            return {"text": text}
        if not text.strip():
            return Failure("empty", "the line is empty; expected a JSON object with text or tokens")
        try:
            return parse_record(text)
        except BadRecord as error:
            return Failure("not JSON", f"{error} (--text reads lines of plain text)")

    def _warn_of_record(self, number: int, text: str) -> None:
        if text.startswith("{") and not self.warned:
            self.warned = _is_record(text)
            if self.warned:
                logger.warning(RECORDS, self.name, number)

    def _example(self, record: Any) -> Example | Failure:
        if isinstance(record, dict) and record.keys() == {"error", "line"}:
            return RecordedError("already an error in the input", str(record["error"]))
        try:
            example = example_from_json(record)
        except BadRecord as error:
            form = form_of(record) if isinstance(record, dict) else None
            hint = "" if form in (None, OWN) else f"; {ANOTHER_FORM.format(form)}"
            return Failure("no record of relx's form", f"{error}{hint}")
        if self.longest is None or len(example) <= self.longest:
            return example
        message = f"{len(example):,} tokens are more than {self.longest:,} (--longest); split the text"
        return Failure(f"of more than {self.longest:,} tokens", message)


def _kind(error: RelxError) -> str:
    if isinstance(error, Failure):
        return error.kind
    return "too long for the memory" if isinstance(error, NoMemory) else "without what the model needs to know"


def _is_record(text: str) -> bool:
    try:
        record = parse_record(text)
    except BadRecord:
        return False
    return isinstance(record, dict) and (
        not record.keys().isdisjoint(("text", "tokens")) or form_of(record) is not None
    )


def readable(answer: dict[str, Any]) -> str:
    """Return a sentence and, below it, its triples with their scores."""
    if "error" in answer:
        return printable(f"line {answer['line']}: {answer['error']}")
    triples = (f"    {_triple(relation, answer['entities'])}" for relation in answer["relations"])
    return "\n".join(map(printable, [answer.get("text") or " ".join(answer["tokens"]), *triples]))


def _triple(relation: dict[str, Any], entities: list[dict[str, Any]]) -> str:
    head, tail = (_mention(relation[argument], entities)["text"] for argument in ("head", "tail"))
    score = f"  ({relation['score']:.2f})" if "score" in relation else ""
    return f"{head}  --{relation['type']}->  {tail}{score}"


def _mention(argument: int | dict[str, Any], entities: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entity with this index, or the mention itself if it is written in place."""
    return argument if isinstance(argument, dict) else entities[argument]
