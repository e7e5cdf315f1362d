"""Predict line by line: one line of output for each line of input, in order, whatever the lines hold."""

import codecs
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from relx.calibration.decision import Decision
from relx.data.document import Document
from relx.data.document_json import document_to_json
from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.data.json_validation import BadRecord
from relx.errors import DataError, Faults, RelxError
from relx.predictors.documents import CHUNK, LARGEST, DocumentPredictor, Input
from relx.predictors.predictor import NoMemory, Predictor
from relx.readers import form_of
from relx.readers.jsonl import is_error
from relx.readers.records import parse_record
from relx.schema import Enforcement
from relx.utils.files import byte_lines
from relx.utils.text import printable

logger = logging.getLogger(__name__)

OWN = "jsonl"
ANOTHER_FORM = "this looks like the form of the reader {0!r}; convert it with: relx convert --from {0} --to jsonl"
RECORDS = "%s:%d: relx reads this JSON record as plain text, because the first line of the file is not a record"
PLAIN = "a file of records has a record in each line"
RECORD_SUFFIXES = (".json", ".jsonl", ".ndjson")
STANDARD_INPUT = "-"
CHARACTERS = 2_000_000
LONGEST_LINE = 1_000_000


Reading = Callable[[str], Iterable[bytes]]


class Failure(RelxError):
    """The reason why a line has no prediction. The summary counts the lines of each ``kind``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RecordedError(Failure):
    """A line of input that holds an error which an earlier prediction recorded."""


class Source(NamedTuple):
    """The place of an input: a file and its line, or None for a file that is one document."""

    file: str
    line: int | None

    @property
    def unit(self) -> str:
        """What an error stops: a line, or a document."""
        return "document" if self.line is None else "line"

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass
class LinePredictor:
    """Answer each line of a file of records or texts, and each document, by a JSON object.

    With ``documents`` a record with a text alone is a document. A bad line, one of more tokens than ``longest`` among
    them, raises DataError with its number. With ``record_errors`` it is answered by an object with ``error`` and
    ``line`` (and ``file`` if ``name_files``) and counted in ``failures``; such an object in the input is answered by
    itself. ``decision`` says which predictions count, by default that of the archive. ``enforcement`` drops relations
    that break a schema. With ``needs_records`` a file of plain text is an error.
    """

    predictor: Predictor
    record_errors: bool = False
    longest: int | None = None
    decision: Decision | None = None
    enforcement: Enforcement | None = None
    documents: DocumentPredictor | None = None
    name_files: bool = False
    needs_records: bool = False
    lines: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    first_failure: str = ""
    warned: bool = False

    def respond(self, inputs: Iterable[tuple[Source, Input]]) -> Iterator[dict[str, Any]]:
        """Yield the answer to each input, in order. Raises DataError for a bad one unless errors are recorded."""
        for source, answer in self._answers(inputs):
            if isinstance(answer, RelxError):
                yield self._failure(source, answer)
            else:
                yield document_to_json(answer) if isinstance(answer, Document) else example_to_json(answer)

    def predictions(self, inputs: Iterable[tuple[Source, Input]]) -> Iterator[Example | Document]:
        """Yield the prediction for each input, in order. Raises DataError for a bad one."""
        for source, answer in self._answers(inputs):
            if isinstance(answer, RelxError):
                raise DataError(f"{source}: {answer}")
            yield answer

    def _answers(self, inputs: Iterable[tuple[Source, Input]]) -> Iterator[tuple[Source, Input]]:
        """Yield the prediction for each input, without the relations that break the schema, or its error."""
        documents = self.documents
        if documents is None:
            documents = self.predictor.document_predictor(self.decision or self.predictor.decision())
        # The lines before a bad one are answered before it is reported.
        for source, answer in documents.answers(inputs):
            self.lines += 1
            if self.enforcement is not None and isinstance(answer, Document):
                answer = self.enforcement.document(answer, str(source))
            elif self.enforcement is not None and isinstance(answer, Example):
                answer = self.enforcement.sentence(answer, str(source))
            yield source, answer

    def inputs(self, name: str, lines: Iterable[bytes], plain_text: bool = False) -> Iterator[tuple[Source, Input]]:
        """Yield the sentence or document of each line of a file, or a Failure.

        A line is a JSON record, or with ``plain_text`` raw text.
        """
        for chunk in _chunks(enumerate(lines, 1)):
            yield from self.records(
                name, [(number, self._parse(name, number, line, plain_text)) for number, line in chunk]
            )

    def records(self, name: str, parsed: Sequence[tuple[int, Any]]) -> Iterator[tuple[Source, Input]]:
        """Yield the sentence or document of each numbered JSON value, or a Failure."""
        texts = [is_text(value) and self.documents is not None for _, value in parsed]
        bare = [None if is_document or isinstance(value, Failure) else value
                for (_, value), is_document in zip(parsed, texts, strict=True)]  # fmt: skip
        records = tokenized(bare, self.predictor.tokenizer)
        for (number, value), record, is_document in zip(parsed, records, texts, strict=True):
            source = Source(name, number)
            if isinstance(value, Failure):
                yield source, value
            elif is_document and self.documents is not None:
                [document] = self.documents.documents([value])
                yield source, document
            else:
                yield source, self._example(record)

    def files(self, paths: Mapping[str, str], read: Reading = byte_lines) -> Iterator[tuple[Source, Input]]:
        """Yield the inputs in files: the lines of those with records, and each other file as a document.

        ``paths`` are the paths by the ids of their documents; ``read`` yields the lines of a path. Without
        ``documents`` each line of text is an input. Raises DataError for all files that cannot be read, before the
        first input; with ``record_errors`` their errors are inputs.
        """
        if not self.record_errors:
            require_texts(paths, whole=self.documents is not None)
        for id, path in paths.items():
            lines = iter(read(path))
            start = _beginning(lines)
            if self.needs_records and not holds_records(path, start):
                raise DataError(f"{path}: --given-entities needs records with entities, not text: use --entities FILE")
            if self.documents is None or holds_records(path, start):
                yield from self.inputs(path, chain(start, lines), not holds_records(path, start))
                continue
            try:
                [document] = self.documents.documents([{"id": id, "text": text_of(path, chain(start, lines))}])
                yield Source(path, None), document
            except DataError as error:
                yield Source(path, None), Failure("unreadable", str(error).removeprefix(f"{path}: "))

    def summary(self) -> str:
        """Return how many lines have no prediction, and why; nothing if all have one."""
        if not self.failures:
            return ""
        kinds = "".join(f"\n  {count:,} {kind}" for kind, count in self.failures.most_common())
        total = self.failures.total()
        return (
            f"{total:,} of {self.lines:,} lines have no prediction; the first is {printable(self.first_failure)}{kinds}"
        )

    def _failure(self, source: Source, error: RelxError) -> dict[str, Any]:
        if not self.record_errors and not isinstance(error, RecordedError):
            raise DataError(f"{source}: {error} (--on-error record continues after a bad {source.unit})")
        self.first_failure = self.first_failure or f"{source}: {error}"
        self.failures[kind_of(error)] += 1
        file = {"file": source.file} if self.name_files else {}
        return {"error": str(error), "line": source.line or 1, **file}

    def _parse(self, name: str, number: int, line: bytes, plain_text: bool) -> Any:
        """Return the record of a line, or a Failure."""
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            return Failure("not UTF-8", f"not UTF-8 text (byte {error.start + 1} of the line)")
        if plain_text:
            self._warn_of_record(name, number, text)
            record: Any = {"text": text}
        elif not text.strip():
            return Failure("empty", "the line is empty; expected a JSON object with text or tokens")
        else:
            try:
                record = parse_record(text)
            except BadRecord as error:
                return Failure("not JSON", f"{error} ({PLAIN})")
        if is_text(record) and self.documents is None and len(record["text"]) > LONGEST_LINE:
            return Failure("too long", f"{len(record['text']):,} characters are too long for one sentence; split it")
        return record

    def _warn_of_record(self, name: str, number: int, text: str) -> None:
        if text.startswith("{") and not self.warned:
            self.warned = _is_record(text)
            if self.warned:
                logger.warning(RECORDS, name, number)

    def _example(self, record: Any) -> Example | Failure:
        if isinstance(record, dict) and is_error(record):
            return RecordedError("already an error in the input", str(record["error"]))
        try:
            example = example_from_json(record)
        except BadRecord as error:
            form = form_of(record) if isinstance(record, dict) else None
            hint = "" if form in (None, OWN) else f"; {ANOTHER_FORM.format(form)}"
            return Failure("not in relx's form", f"{error}{hint}")
        if self.longest is None or len(example) <= self.longest:
            return example
        message = f"{len(example):,} tokens are more than {self.longest:,} (--longest); split the text"
        return Failure(f"of more than {self.longest:,} tokens", message)


def text_files(paths: Sequence[str]) -> dict[str, str]:
    """Return files by the ids of their documents, with the .txt files of each folder in place of the folder.

    An id is the path without .txt, of files in a folder below that folder, or the whole path if others have the same.
    Raises one DataError for all folders without a .txt file.
    """
    faults, found = Faults(), []
    for path in paths:
        if not os.path.isdir(path):
            found.append((path.removesuffix(".gz").removesuffix(".txt"), path))
            continue
        texts = [
            file
            for file in sorted(Path(path).rglob("*.txt"))
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not texts:
            faults.add(DataError(f"{path}: holds no .txt file"))
        found += [(file.relative_to(path).with_suffix("").as_posix(), str(file)) for file in texts]
    faults.raise_any()
    ids = Counter(id for id, _ in found)
    return {id if ids[id] == 1 else path: path for id, path in found}


def holds_records(path: str, start: Sequence[bytes]) -> bool:
    """Return whether a file has JSON records in its lines: its suffix says so, or its first line is a JSON object."""
    if Path(path.removesuffix(".gz")).suffix in RECORD_SUFFIXES:
        return True
    first = start[-1].strip().removeprefix(codecs.BOM_UTF8) if start else b""
    try:
        return first.startswith(b"{") and isinstance(parse_record(first.decode()), dict)
    except (BadRecord, UnicodeDecodeError):
        return False


def text_of(name: str, lines: Iterable[bytes]) -> str:
    """Return the text of a document. Raises DataError for one that is empty, too large, binary, or not UTF-8."""
    content = bytearray()
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            raise DataError(f"{name}: not a text file: line {number} has a NUL byte")
        try:
            line.decode()
        except UnicodeDecodeError as error:
            place = f"byte {error.start + 1} of line {number}"
            raise DataError(
                f"{name}: not UTF-8 text ({place}); convert it, for example with: iconv -f latin1 -t utf-8"
            ) from None
        content += line
        if len(content) > 4 * LARGEST:
            raise DataError(f"{name}: too large for one document, which has at most {LARGEST:,} characters; split it")
    text = content.decode("utf-8-sig")
    if not text.strip():
        raise DataError(f"{name}: holds no text")
    if len(text) > LARGEST:
        raise DataError(
            f"{name}: {len(text):,} characters are too many for one document, which has at most {LARGEST:,}; split it"
        )
    return text


def require_texts(paths: Mapping[str, str], whole: bool) -> None:
    """Raise one DataError for all files that cannot be read; ``whole`` reads those that are documents to the end."""
    faults = Faults()
    for path in paths.values():
        if path == STANDARD_INPUT:
            continue
        with faults.gathered():
            if os.path.exists(path) and not os.path.isfile(path):
                continue  # a pipe is read only once
            lines = byte_lines(path)
            start = _beginning(lines)
            if whole and not holds_records(path, start):
                text_of(path, chain(start, lines))
            elif not start:
                raise DataError(f"{path}: is empty")
    faults.raise_any()


def _beginning(lines: Iterator[bytes]) -> list[bytes]:
    """Return the lines up to the first one that is not blank."""
    start: list[bytes] = []
    for line in lines:
        start.append(line)
        if line.strip() or len(start) == CHUNK:
            break
    return start


def _chunks(lines: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the lines in groups of bounded length."""
    chunk: list[tuple[int, bytes]] = []
    length = 0
    for number, line in lines:
        chunk.append((number, line))
        length += len(line)
        if len(chunk) == CHUNK or length > CHARACTERS:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


def is_text(record: object) -> bool:
    """Return whether a record has a text without tokens."""
    return isinstance(record, dict) and isinstance(record.get("text"), str) and record.get("tokens") is None


def kind_of(error: RelxError) -> str:
    """Return by which name a summary counts an error."""
    if isinstance(error, Failure):
        return error.kind
    return "too long for memory" if isinstance(error, NoMemory) else "without an annotation that the model needs"


def _is_record(text: str) -> bool:
    try:
        record = parse_record(text)
    except BadRecord:
        return False
    return isinstance(record, dict) and (
        not record.keys().isdisjoint(("text", "tokens")) or form_of(record) is not None
    )


def slim(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the id, the entities as [start, end, type] and the relations as [head, type, tail] of an answer.

    Places are characters of the text if the input had one, else tokens. ``head`` and ``tail`` are indices of
    ``entities``; an argument that is none of them is [start, end, type] itself.
    """
    if "error" in answer:
        return answer
    of_document = "sentences" in answer
    numbers = {entity["id"]: number for number, entity in enumerate(answer["entities"])} if of_document else {}

    def argument(value: Any) -> Any:
        return _span(value) if isinstance(value, dict) else numbers.get(value, value)

    id = {"id": answer["id"]} if "id" in answer else {}
    return {
        **id,
        "entities": [*map(_span, answer["entities"])],
        "relations": [[argument(of["head"]), of["type"], argument(of["tail"])] for of in answer["relations"]],
    }


def _span(entity: dict[str, Any]) -> list[Any]:
    start, end = entity.get("characters") or (entity.get("start"), entity.get("end"))
    return [start, end, entity.get("type")]


def readable(answer: dict[str, Any]) -> str:
    """Return a sentence and, below it, its triples with their scores."""
    if "error" in answer:
        return printable(f"line {answer['line']}: {answer['error']}")
    triples = (f"    {_triple(relation, answer['entities'])}" for relation in answer["relations"])
    return "\n".join(map(printable, [answer.get("text") or " ".join(answer["tokens"]), *triples]))


def _triple(relation: dict[str, Any], entities: list[dict[str, Any]]) -> str:
    head, tail = (_mention(relation[argument], entities)["text"] for argument in ("head", "tail"))
    score = f"  ({relation['score']:.2f})" if "score" in relation else ""
    unseen = "  unseen" if relation.get("unseen") else ""
    return f"{head}  --{relation['type']}->  {tail}{score}{unseen}"


def _mention(argument: int | dict[str, Any], entities: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entity with this index, or the mention itself if it is written in place."""
    return argument if isinstance(argument, dict) else entities[argument]
