"""Predict with a trained model from Python: single inputs, lists and streams."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args, overload

import torch

from relx import archive
from relx.annotators.gazetteer import Gazetteer
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.archive import Archive
from relx.archive_file import ArchiveFacts
from relx.calibration.decision import Decision
from relx.calibration.min_score import MinScore
from relx.data.document import Document
from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json, tokenized
from relx.data.json_validation import BadRecord, raise_any, shown
from relx.data.loader import DataLoader, Map, ProcessorLoader
from relx.data.vocabulary import ENTITY_TYPES, RELATIONS
from relx.errors import ConfigError, DataError, RelxError
from relx.heads.head import Head, HeadOutput
from relx.model import Encoding
from relx.predictors.documents import CHUNK, LONGEST, DocumentPredictor, Frames, frames, require_pandas, texts_of_table
from relx.predictors.given import GivenEntities
from relx.registry import components, registered_name
from relx.schema import Enforcement, Schema
from relx.scoring import metric_rows
from relx.utils import html
from relx.utils.logs import with_progress
from relx.utils.runtime import choose_device, lacks_memory, prepare_process
from relx.utils.text import counted

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger(__name__)

SingleInput = str | Mapping[str, Any] | Example
Input = SingleInput | Sequence[str]
Answer = Example | RelxError
OnError = Literal["raise", "record"]

LOADER = DataLoader(batch_size=64, max_tokens=4096)
PROCESSOR_LOADER = ProcessorLoader(batch_size=64, max_tokens=4096)
SEVERAL = "expected a list of inputs"
TABLES = "predict_frame(table) reads texts; or give a column of sentences, or a list of rows as dicts"
FINDS_NONE = (
    "the head {!r} finds no entities and relates given ones: give it those of another archive or your own "
    "(--given-entities, --entities FILE; from Python given_entities=True)"
)
STRANGE_WINDOW = (
    "the model was trained on windows of %s and reads windows of %s now: it has not learned from longer inputs and may "
    "lose relations; train it with the argument window of its reader"
)
EXPECTED = "expected a text, a list of tokens, a record (dict) or an Example"
PAIRS = "text: holds surrogate pairs, so offsets and characters count them twice; join each pair to one character first"


def is_single(inputs: Any) -> bool:
    """Return whether a value is one input: a string, bytes, a record, a named tuple or an Example."""
    return isinstance(inputs, str | bytes | Mapping | Example) or hasattr(inputs, "_asdict")


def several(inputs: Any) -> Iterator[Any]:
    """Return an iterator over inputs. Raises BadRecord for a single input, a table and whatever cannot be iterated."""
    if hasattr(inputs, "columns"):
        raise BadRecord(f"{SEVERAL}, got a table; {TABLES}")
    if is_single(inputs):
        name = "text" if isinstance(inputs, str) else type(inputs).__name__
        raise BadRecord(f"{SEVERAL}, got one {name}; write predict({name}), or [{name}]")
    try:
        return iter(inputs)
    except TypeError:
        raise BadRecord(f"{SEVERAL}, got {shown(inputs)}") from None


def read_inputs(inputs: Iterable[Any], tokenizer: Tokenizer, with_entities: bool = False) -> list[Example | BadRecord]:
    """Return each input as an Example, raw texts split by the tokenizer, or what is wrong with it.

    The labels of an Example are not read, except its entities ``with_entities``. It keeps its context.
    """
    values = list(inputs)
    records = tokenized([_record(value, with_entities) for value in values], tokenizer)
    return [
        record if isinstance(record, BadRecord) else _example(record, value)
        for record, value in zip(records, values, strict=True)
    ]


def _example(record: dict[str, Any], value: Any) -> Example | BadRecord:
    try:
        example = example_from_json(record)
    except BadRecord as error:
        return error
    example.context = value.context if isinstance(value, Example) else None
    return example


def _record(value: Any, with_entities: bool) -> dict[str, Any] | BadRecord:
    """Return the record that a file would hold for an input: values of numpy as Python's, ``meta`` as it is."""
    try:
        given = _described(value, with_entities)
        record = {key: _plain(key, item) for key, item in given.items() if key != "meta"}
        if _counts_characters(record) and len(record["text"]) != len(given["text"]):
            raise BadRecord(PAIRS)
    except BadRecord as error:
        return error
    except Exception as error:  # an attribute or a method of a caller's object raises whatever it likes
        return BadRecord(
            f"a value of the type {type(value).__name__} that fails when read: {type(error).__name__}: {error}"
        )
    return record | ({"meta": given["meta"]} if "meta" in given else {})


def _described(value: Any, with_entities: bool) -> Mapping[Any, Any]:
    if isinstance(value, Example):
        try:
            return example_to_json(replace(value, relations=[]) if with_entities else value.unlabeled())
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
        missing = "holds NaN or an infinite number; leave out what has no value"
        raise BadRecord(f"{key}: {missing if 'Out of range' in str(error) else error}") from None


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


class Choices(TypedDict, total=False):
    """How to predict; see ``Predictor.predict``."""

    min_score: MinScore | None
    calibrated: bool
    given_entities: bool | Gazetteer
    add_relations: Mapping[str, str] | None
    schema: Schema | None


class NoMemory(RelxError):
    """A sentence whose prediction needs more memory than there is."""


@contextmanager
def memory_for(examples: Sequence[Example]) -> Iterator[None]:
    """Raise NoMemory, with what to do, where the memory does not suffice to predict these sentences in batches."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        longest = max(map(len, examples))
        raise NoMemory(
            f"not enough memory; the longest sentence has {longest:,} tokens: split it, or take smaller "
            "batches (-o data_loader.batch_size=1)"
        ) from None


class Predictor:
    """Extract entities and relations with a trained model.

    >>> model = relx.load("model.tar.gz")
    >>> example = model("Ada Lovelace was born in London.")
    >>> first, second = model(["Ada Lovelace was born in London.", "Alan Turing worked in Manchester."])

    A string, a record (a dict or a named tuple) and an Example are one input, and the answer is one Example. Any other
    iterable, such as a list, an array or a column of a table, holds several inputs, and the answer is a list. Write one
    sentence of tokens as ``model({"tokens": [...]})`` or ``model([["Ada", "Lovelace", ...]])``.

    Several threads can use one predictor at the same time, and each gets the answers that it would get alone.
    Prediction does not change the predictor. Do not train its ``model``, or move it to another device, meanwhile.
    """

    def __init__(self, opened: Archive) -> None:
        self.archive = opened
        self.model = opened.model
        self.tokenizer = opened.parts.tokenizer

    @classmethod
    def load(cls, path: str | Path, device: str | None = None, overrides: Iterable[str] = ()) -> "Predictor":
        """Open an archive, by default on a GPU if there is one; ``overrides`` are those of ``archive.load``.

        Raises ArchiveError, and RelxError for a device that is not there.
        """
        prepare_process()
        device = choose_device(device)
        opened = archive.load(path, overrides)
        opened.model.to(device)
        return cls(opened)

    @property
    def loader(self) -> DataLoader:
        """How the predictor makes batches of sentences on its device."""
        return PROCESSOR_LOADER if self.model.device.type == "cpu" else LOADER

    @property
    def facts(self) -> ArchiveFacts:
        """What the archive tells about the model: labels, protocols, scores, versions, training data, date."""
        return self.archive.facts

    def __repr__(self) -> str:
        return "\n".join(self.facts.lines())

    def _repr_html_(self) -> str:
        """Show the facts and the scores in a notebook."""
        rows = [("fact", "value"), *self.facts.rows()]
        return html.table(rows) + html.table(metric_rows(self.facts.metrics))

    @overload
    def __call__(self, inputs: SingleInput) -> Example: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, inputs: Iterable[Input]) -> list[Example]: ...
    def __call__(self, inputs: Any) -> Any:
        """Predict one input or several; see ``predict``."""
        return self.predict(inputs)

    @overload
    def predict(  # type: ignore[overload-overlap]
        self, inputs: SingleInput, on_error: Literal["raise"] = "raise", **choices: "Unpack[Choices]"
    ) -> Example: ...
    @overload
    def predict(
        self, inputs: Iterable[Input], on_error: Literal["raise"] = "raise", **choices: "Unpack[Choices]"
    ) -> list[Example]: ...
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, inputs: SingleInput, on_error: Literal["record"], **choices: "Unpack[Choices]"
    ) -> Answer: ...
    @overload
    def predict(
        self, inputs: Iterable[Input], on_error: Literal["record"], **choices: "Unpack[Choices]"
    ) -> list[Answer]: ...
    def predict(
        self,
        inputs: Any,
        on_error: OnError = "raise",
        *,
        min_score: MinScore | None = None,
        calibrated: bool = True,
        given_entities: bool | Gazetteer = False,
        add_relations: Mapping[str, str] | None = None,
        schema: Schema | None = None,
    ) -> Any:
        """Return the Example for one input, or a list of Examples for several, in their order.

        Args:
            inputs: One input, or several: texts, lists of tokens, records (dicts) or Examples.
            on_error: ``"raise"`` raises the errors of inputs that have no prediction: first one BadRecord that names
                every input that cannot be read, before anything is predicted, and after that the errors of ``stream``.
                ``"record"`` puts the error in place of the prediction.
            min_score: The least score of all entities and relations, or a dict of least scores by name: a type of
                entities or of relations, or ``entities`` or ``relations`` for all other types. The default is the
                thresholds of the calibration, and without a calibration those of the head.
            calibrated: Use the calibration of the archive. With False the scores are those of the head.
            given_entities: True predicts relations between the entities that the inputs hold, and a gazetteer between
                its names.
            add_relations: Descriptions of relations that the model has not learned, by name. Predictions of them are
                marked as ``unseen``.
            schema: Drop the relations that break this schema (``relx.schema``).

        Raises ConfigError for choices that do not fit.
        """
        _require_on_error(on_error)
        decision, enforced = self._chosen(schema, min_score, calibrated, given_entities, add_relations)
        if is_single(inputs):
            [answer] = map(enforced, self.answer(self._read([inputs], decision), decision))
            if isinstance(answer, RelxError) and on_error == "raise":
                raise answer
            return answer
        examples = self._read(several(inputs), decision)
        if on_error == "raise":
            _require_readable(examples)
        chunks = (examples[start : start + CHUNK] for start in range(0, len(examples), CHUNK))
        answers = (enforced(answer) for chunk in chunks for answer in self.answer(chunk, decision))
        return list(_raising(answers) if on_error == "raise" else answers)

    @overload
    def stream(
        self, inputs: Iterable[Input], on_error: Literal["raise"] = "raise", **choices: "Unpack[Choices]"
    ) -> Iterator[Example]: ...
    @overload
    def stream(
        self, inputs: Iterable[Input], on_error: Literal["record"], **choices: "Unpack[Choices]"
    ) -> Iterator[Answer]: ...
    def stream(
        self,
        inputs: Iterable[Input],
        on_error: OnError = "raise",
        *,
        min_score: MinScore | None = None,
        calibrated: bool = True,
        given_entities: bool | Gazetteer = False,
        add_relations: Mapping[str, str] | None = None,
        schema: Schema | None = None,
    ) -> Iterator[Any]:
        """Return an iterator over the predictions for any number of inputs, in order and in constant memory.

        Inputs are taken 1,024 at a time.

        Args:
            inputs: Any number of inputs, as in ``predict``.
            on_error: ``"raise"`` raises, with the number of the input, BadRecord for one that cannot be read, NoMemory
                for one that needs more memory than there is, and DataError for one that lacks what the model needs,
                such as given tags. ``"record"`` puts the error in place of the prediction.
            min_score: The least score, as in ``predict``.
            calibrated: Use the calibration of the archive, as in ``predict``.
            given_entities: Predict relations between given entities, as in ``predict``.
            add_relations: Descriptions of relations that the model has not learned, as in ``predict``.
            schema: Drop the relations that break this schema.

        Raises ConfigError, before anything is predicted, for choices that do not fit.
        """
        _require_on_error(on_error)
        decision, enforced = self._chosen(schema, min_score, calibrated, given_entities, add_relations)
        answers = map(enforced, self._attempts(several(inputs), decision))
        return _raising(answers) if on_error == "raise" else answers

    def predict_document(
        self, text: str | Mapping[str, Any], window: int = 1, longest: int = LONGEST, **choices: "Unpack[Choices]"
    ) -> Document:
        """Return the Document of a text, or of a record with a text; see ``predict_documents``."""
        [document] = self.predict_documents([text], window, longest, **choices)
        return document

    def predict_documents(
        self,
        texts: Iterable[str | Mapping[str, Any]],
        window: int = 1,
        longest: int = LONGEST,
        **choices: "Unpack[Choices]",
    ) -> Iterator[Document]:
        """Return an iterator over the Documents of texts, or of records with texts, in order.

        The archive's sentence splitter splits the texts. With ``window`` the model reads so many neighboring sentences
        at once, and finds relations between them. A sentence of more than ``longest`` tokens is read in pieces; the log
        says so. ``choices`` are those of ``predict``. Raises, with the number of the text, BadRecord, NoMemory and
        DataError as ``stream`` does.
        """
        decision, enforced = self._chosen(**choices)
        documents = self.document_predictor(decision, window, longest)
        for number, answer in documents.answers(enumerate(self._documents(several(texts), documents), 1)):
            if isinstance(answer, RelxError):
                raise type(answer)(f"text {number}: {answer}")
            yield enforced(answer)
        for note in documents.notes():
            logger.info(note)

    def predict_frame(
        self,
        table: Any,
        column: str = "text",
        id_column: str | None = None,
        window: int = 1,
        longest: int = LONGEST,
        **choices: "Unpack[Choices]",
    ) -> Frames:
        """Return the relations and the entities in a column of texts as two DataFrames of pandas.

        ``table`` is a DataFrame of pandas or polars, or a Dataset of datasets. Each text is a document, as in
        ``predict_documents``. The column ``document`` of the results has the value of ``id_column``, or the label of
        the row in the index of pandas, or the number of the row from 0. Raises BadRecord for a table without the
        columns, and with all rows without a text or with the name of another row; MissingExtra without pandas.
        """
        require_pandas()
        texts = texts_of_table(table, column, id_column)
        return frames(list(texts), self.predict_documents(texts.values(), window, longest, **choices))

    def document_predictor(self, decision: Decision, window: int = 1, longest: int = LONGEST) -> DocumentPredictor:
        """Return what predicts documents under a decision. Raises ConfigError for sizes below 1.

        Warns of a window that is longer than those of the training.
        """
        trained = getattr(self.archive.parts.reader, "window", None) or 1
        if trained < window:
            sizes = (counted(size, "sentence") for size in (trained, window))
            logger.warning(STRANGE_WINDOW, *sizes)
        try:
            return DocumentPredictor(
                lambda parts: self.answer(parts, decision), self.tokenizer, self.archive.parts.splitter, window,
                longest, with_entities=decision.given is not None,
            )  # fmt: skip
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def _documents(self, texts: Iterable[Any], documents: DocumentPredictor) -> Iterator[Document | BadRecord]:
        for value in texts:
            record = _record(value, with_entities=documents.with_entities)
            if not isinstance(record, BadRecord) and (record.get("tokens") is not None or "text" not in record):
                record = BadRecord("expected a text; predict() takes sentences of tokens")
            yield record if isinstance(record, BadRecord) else documents.documents([record])[0]

    def decision(
        self,
        min_score: MinScore | None = None,
        calibrated: bool = True,
        given_entities: bool | Gazetteer = False,
        add_relations: Mapping[str, str] | None = None,
    ) -> Decision:
        """Return what decides on the candidates of the head.

        The choices are those of ``predict``.

        Raises ConfigError with all that is wrong, for a head that finds no entities and is not given any, and for one
        that does not read descriptions.
        """
        calibration = self.archive.calibration if calibrated else None
        given = None
        if not isinstance(given_entities, bool | Gazetteer):
            raise ConfigError(f"given_entities: expected True or a gazetteer of this predictor, got {given_entities!r}")
        if given_entities is False and not self.model.head.finds_entities:
            raise ConfigError(FINDS_NONE.format(registered_name(self.model.head)))
        if given_entities is not False:
            given = GivenEntities(self.model.head, None if given_entities is True else given_entities)
        if not isinstance(add_relations, Mapping | None):
            raise ConfigError(f"add_relations: expected a dict of descriptions by name, got {add_relations!r}")
        if add_relations:
            require_described(self.model.head, add_relations)
        return Decision(self.model.head.thresholds, self.model.vocabulary, calibration, min_score, given, add_relations)

    def gazetteer(self, path: str | Path, ignore_case: bool = False) -> Gazetteer:
        """Read the names of a CSV file with the columns ``name`` and ``type``, for ``given_entities``.

        They are split into tokens as texts are. Raises DataError with all faults of the file.
        """
        return Gazetteer.read(path, self.tokenizer, ignore_case)

    def require_known(self, schema: Schema, name: str = "schema", added: Iterable[str] = ()) -> None:
        """Raise ConfigError for all names of a schema that the model does not know. ``name`` is that of its file.

        ``added`` are relations that it knows besides those of its training.
        """
        vocabulary = self.model.vocabulary
        known = vocabulary.shown.get(ENTITY_TYPES, ()) if vocabulary.facts.get(ENTITY_TYPES) == "data" else ()
        if faults := schema.unknown_names([*vocabulary.relations(), *added], known):
            raise ConfigError("\n".join(f"{name}: {fault}" for fault in faults))

    def _chosen(
        self,
        schema: Schema | None = None,
        min_score: MinScore | None = None,
        calibrated: bool = True,
        given_entities: bool | Gazetteer = False,
        add_relations: Mapping[str, str] | None = None,
    ) -> tuple[Decision, Callable[[Any], Any]]:
        """Return the decision on candidates, and what enforces the schema on an answer."""
        decision = self.decision(min_score, calibrated, given_entities, add_relations)
        if schema is None:
            return decision, lambda answer: answer
        if not isinstance(schema, Schema):
            raise ConfigError(f"schema: expected a Schema, such as Schema.read(path), got {schema!r}")
        self.require_known(schema, added=decision.added)
        enforcement = Enforcement(schema)

        def enforced(answer: Any) -> Any:
            if isinstance(answer, Document):
                return enforcement.document(answer)
            return enforcement.sentence(answer) if isinstance(answer, Example) else answer

        return decision, enforced

    def attempts(self, inputs: Iterable[Input]) -> Iterator[Answer]:
        """Return what ``stream(inputs, on_error="record")`` returns."""
        return self._attempts(several(inputs), self.decision())

    def scores(self, inputs: SingleInput | Iterable[Input]) -> HeadOutput:
        """Return the output of the head, such as logits, for inputs as one padded batch: tensors by name.

        The first axis of each tensor counts the inputs; ``forward`` of the head describes the others. The tensors are
        on the model's device. Raises BadRecord and DataError as ``predict`` does. Raises RelxError for a head that
        decodes in several steps: the output of a step depends on the predictions of the step before.
        """
        head = self.model.head
        if type(head).extract is not Head.extract:
            raise RelxError(f"the head {type(head).__name__} decodes in several steps and has no scores for a sentence")
        examples = read_inputs([inputs] if is_single(inputs) else several(inputs), self.tokenizer)
        readable = self.archive.parts.annotated(_require_readable(examples))
        with torch.inference_mode():
            return self.model.scores(Encoding(self.model).batch_of(readable))

    def answer(self, examples: Sequence[Example | RelxError], decision: Decision | None = None) -> list[Answer]:
        """Return the prediction for each Example, or the error in its place; errors stay as they are.

        ``decision`` is by default that of the archive.
        """
        sound = [example for example in examples if isinstance(example, Example)]
        answers = iter(self._attempt(sound, decision or self.decision()) if sound else [])
        return [next(answers) if isinstance(example, Example) else example for example in examples]

    def extract(
        self, annotated: Sequence[Example], loader: DataLoader, decision: Decision | None = None, over: Map = map
    ) -> list[Example]:
        """Return the predictions for sentences that have the annotations of the archive's tagger and parser.

        ``decision`` is by default that of the archive. ``over`` maps over the batches.
        """
        decision = decision or self.decision()
        at, added = decision.at, decision.added
        if decision.given is None:
            predicted = self.model.extract(annotated, loader, over, at, added)
        else:
            predicted = self.model.relate(decision.given(annotated), loader, over, at, added)
        return [*map(decision, predicted)]

    def extract_all(
        self, annotated: Sequence[Example], decision: Decision | None = None, name: str = "sentences"
    ) -> list[Example]:
        """Return what ``extract`` returns, in the batches of the experiment, with the progress under this name.

        Raises NoMemory.
        """
        with memory_for(annotated):
            return self.extract(annotated, self.archive.parts.loader, decision, with_progress(name))

    def _read(self, inputs: Iterable[Any], decision: Decision) -> list[Example | BadRecord]:
        return read_inputs(inputs, self.tokenizer, with_entities=decision.given is not None)

    def _attempts(self, inputs: Iterator[Any], decision: Decision) -> Iterator[Answer]:
        while chunk := list(islice(inputs, CHUNK)):
            yield from self.answer(self._read(chunk, decision), decision)

    def _attempt(self, examples: list[Example], decision: Decision, annotated: bool = False) -> list[Answer]:
        """Predict; if that fails, predict each half by itself, until it is known which sentence is at fault."""
        fault: NoMemory | DataError
        try:
            examples = examples if annotated else self.archive.parts.annotated(examples)
            annotated = True
            return [*self.extract(examples, self.loader, decision)]
        except DataError as error:
            fault = error
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            fault = NoMemory(f"not enough memory for a sentence of {len(examples[0]):,} tokens; split it")
        if len(examples) == 1:
            return [fault]
        half = len(examples) // 2
        halves = examples[:half], examples[half:]
        return [answer for part in halves for answer in self._attempt(part, decision, annotated)]


def require_described(head: Head, descriptions: Mapping[str, str]) -> None:
    """Raise ConfigError for a head that does not read descriptions of relations, and for those that do not fit."""
    if RELATIONS not in head.described:
        kinds: dict[str, Any] = {name: component.load() for name, component in components(Head.__kind__).items()}
        reading = sorted(name for name, kind in kinds.items() if RELATIONS in kind.described)
        raise ConfigError(
            f"the head {registered_name(head)!r} predicts only relations that it has learned, so none can be added; "
            f"these heads read descriptions: {', '.join(reading)}"
        )
    head.with_relations(descriptions)


def _require_on_error(on_error: str) -> None:
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error: expected 'raise' or 'record', got {on_error!r}")


def _require_readable(examples: Sequence[Example | BadRecord]) -> list[Example]:
    """Return the Examples. Raises BadRecord that names every input that cannot be read, the first ones in full."""
    raise_any([f"input {i}: {fault}" for i, fault in enumerate(examples, 1) if isinstance(fault, BadRecord)])
    return [example for example in examples if isinstance(example, Example)]


def _raising(answers: Iterable[Answer]) -> Iterator[Example]:
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, RelxError):
            raise type(answer)(f"input {number}: {answer}")
        yield answer
