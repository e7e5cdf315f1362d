"""Answer the content of requests with trained models, within limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from relx.calibration.min_score import parse
from relx.data.document import Document
from relx.data.document_json import document_to_json
from relx.data.example import Example
from relx.data.json_form import example_to_json, to_line
from relx.data.json_validation import BadRecord, shown
from relx.errors import ConfigError, DataError, RelxError
from relx.predictors.documents import LONGEST, Input, Part
from relx.predictors.lines import LinePredictor, Source
from relx.predictors.predictor import Predictor
from relx.readers.records import parse_json
from relx.registry import nearest
from relx.serving.batching import Batcher, OutOfTime, Work
from relx.utils.text import counted

MOST_FAULTS = 20
BATCH_TOKENS, BATCH_WAIT = 4096, 0.01
JSON, LINES = "application/json", "application/x-ndjson"
# What everybody may know of a model; its configuration also has paths of the machine that trained it.
FACTS = ("date", "relations", "entity_types", "protocols", "scores", "versions")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SENTENCES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ACCEPTED_LINES = (LINES, "application/jsonl", "application/jsonlines")


@dataclass(frozen=True)
class Limits:
    """Bound what a request may ask for: bytes, sentences, tokens, requests at one time, and seconds."""

    body: int
    sentences: int
    tokens: int
    queue: int
    seconds: float


class Refused(RelxError):
    """A request that is answered by an error: its HTTP status and a message.

    ``faults`` has the place and the message of each fault of a batch. With ``close`` the connection ends.
    """

    def __init__(
        self, status: int, message: str, faults: Sequence[Mapping[str, Any]] = (), close: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.faults = list(faults)
        self.close = close


@dataclass(frozen=True)
class Options:
    """How to predict: as the options of ``relx predict`` of the same names."""

    model: str | None = None
    sentences: bool = False
    window: int = 1
    min_score: tuple[str, ...] = ()
    raw_scores: bool = False
    given_entities: bool = False


@dataclass(frozen=True)
class Answer:
    """The body of a response; ``notes`` say what is not as asked, such as sentences that were read in pieces."""

    content: str
    media_type: str = JSON
    notes: Sequence[str] = ()


class Metrics:
    """Count requests, their time, sentences, tokens, and the sizes of batches, for Prometheus.

    ``under_way`` returns how many requests run.
    """

    def __init__(self, under_way: Callable[[], float]) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter("relx_requests", "Requests by path and status", ["path", "status"], registry=own)
        self.seconds = Histogram("relx_request_seconds", "Time of predictions", buckets=SECONDS, registry=own)
        self.sentences = Counter("relx_sentences", "Sentences that were to be predicted", ["model"], registry=own)
        self.tokens = Counter("relx_tokens", "Tokens that were to be predicted", ["model"], registry=own)
        self.batches = Histogram("relx_batch_sentences", "Sentences of each batch", buckets=SENTENCES, registry=own)
        Gauge("relx_requests_under_way", "Predictions that run or wait", registry=own).set_function(under_way)

    def text(self) -> bytes:
        """Return the counts in Prometheus' text format."""
        return generate_latest(self.registry)


class Service:
    """Predict with the models of a server. ``models`` are by name; the first one is the default."""

    def __init__(self, models: Mapping[str, Predictor], limits: Limits) -> None:
        self.models = models
        self.limits = limits
        self.metrics = Metrics(lambda: self.batcher.under_way)
        self.batcher = Batcher(BATCH_TOKENS, BATCH_WAIT, self.metrics.batches.observe)
        self.facts = {name: {key: model.facts.to_json()[key] for key in FACTS} for name, model in models.items()}
        self._work = lru_cache(maxsize=256)(self._work_of)

    def name_of(self, model: str | None) -> str:
        """Return the name of a model, of the first one for None. Raises Refused."""
        name = next(iter(self.models)) if model is None else model
        if name not in self.models:
            raise Refused(404, f"no model is called {shown(name)}{nearest(name, self.models)}")
        return name

    def predict(self, body: bytes, media_type: str, options: Options, deadline: float) -> Answer:
        """Answer the body of a request as ``relx predict`` answers a file.

        Plain text is text, JSON lines are records, and anything else is JSON: a record, a string, or a list of them.
        Raises Refused with all faults of the input.
        """
        values, several = values_of(body, media_type, options.sentences)
        predicted, notes = self.answers(values, options, deadline, several)
        answers = [to_line(_to_json(answer)) for answer in predicted]
        if media_type in ACCEPTED_LINES:
            return Answer("".join(f"{answer}\n" for answer in answers), LINES, notes)
        return Answer(f"[{', '.join(answers)}]" if several else answers[0], JSON, notes)

    def answers(
        self, values: Sequence[Any], options: Options, deadline: float, several: bool = True
    ) -> tuple[list[Example | Document], list[str]]:
        """Return the prediction for each value, a string or a record, and notes. Raises Refused with all faults."""
        name = self.name_of(options.model)
        try:
            decision, work = self._work(name, options.min_score, options.raw_scores, options.given_entities)
        except ConfigError as error:
            raise Refused(422, str(error)) from None
        predictor = self.models[name]
        documents = predictor.document_predictor(decision, options.window)
        documents.answer = partial(self.batcher.answer, work, deadline=deadline)
        lines = LinePredictor(
            predictor, record_errors=True, longest=LONGEST, decision=decision,
            documents=None if options.sentences else documents,
        )  # fmt: skip
        records = [{"text": value} if isinstance(value, str) else value for value in values]
        inputs = list(lines.records("input", [*enumerate(records)]))
        _require_sound(inputs, several)
        self._require_few(name, [given for _, given in inputs], options.window)
        if monotonic() > deadline:
            raise OutOfTime("the request has timed out")
        try:
            predicted = list(documents.answers(inputs))
        except (ConfigError, DataError) as error:
            raise Refused(422, str(error)) from None
        return _require_sound(predicted, several), documents.notes()

    def _work_of(self, name: str, min_score: tuple[str, ...], raw: bool, given: bool) -> tuple[Any, Work]:
        """Return the decision on scores, and what predicts with it: the same object for the same choice."""
        predictor = self.models[name]
        decision = predictor.decision(parse(min_score), not raw, given)

        def work(parts: Sequence[Part]) -> list[Part]:
            return predictor.answer(parts, decision)

        return decision, work

    def _require_few(self, name: str, inputs: Sequence[Input], window: int) -> None:
        sentences = tokens = 0
        for given in inputs:
            parts = given.sentences if isinstance(given, Document) else [given] if isinstance(given, Example) else []
            sentences += len(parts)
            tokens += sum(map(len, parts)) * window
        for count, most, noun in (
            (sentences, self.limits.sentences, "sentence"), (tokens, self.limits.tokens, "token"),
        ):  # fmt: skip
            if count > most:
                each = f" (in windows of {window} sentences)" if window > 1 and noun == "token" else ""
                raise Refused(413, f"the request has {counted(count, noun)}{each}, more than {most:,}; divide it")
        self.metrics.sentences.labels(name).inc(sentences)
        self.metrics.tokens.labels(name).inc(tokens)


def values_of(body: bytes, media_type: str, sentences: bool = False) -> tuple[list[Any], bool]:
    """Return the texts and records of a body, and whether they are answered by a list. Raises Refused.

    Plain text is one document, or with ``sentences`` a sentence on each line.
    """
    text = _decoded(body)
    if media_type == "text/plain":
        lines = text.splitlines() if sentences else [text]
        values: list[Any] = [{"text": line} for line in lines if line.strip()]
        if not values:
            raise Refused(422, "the body holds no text")
        return values, sentences
    if media_type in ACCEPTED_LINES:
        return _json_lines(text), True
    value = parsed(text)
    return (value, True) if isinstance(value, list) else ([value], False)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(422, f"the body is not UTF-8 text (byte {error.start + 1})") from None


def parsed(text: str, where: str = "the body") -> Any:
    """Return the value of a JSON text. Raises Refused."""
    try:
        return parse_json(text)
    except BadRecord as error:
        raise Refused(422, f"{where}: {error}") from None


def _json_lines(text: str) -> list[Any]:
    found, faults = [], []
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        try:
            found.append(parsed(line, f"line {number}"))
        except Refused as error:
            faults.append({"input": number - 1, "error": str(error)})
    if faults:
        raise _refused(faults)
    return found


def _require_sound(pairs: Sequence[tuple[Source, Input]], several: bool) -> list[Example | Document]:
    """Return the inputs, or the predictions, if none of them is an error. Raises Refused with all errors."""
    sound = [given for _, given in pairs if isinstance(given, Example | Document)]
    errors = [(source.line or 0, given) for source, given in pairs if isinstance(given, RelxError)]
    if errors:
        place: Callable[[int], str] = (lambda number: f"[{number}]: ") if several else (lambda number: "")
        raise _refused([{"input": number, "error": f"{place(number)}{error}"} for number, error in errors])
    return sound


def _refused(faults: Sequence[Mapping[str, Any]]) -> Refused:
    message = str(faults[0]["error"])
    if len(faults) > 1:
        message = f"{len(faults):,} of the inputs cannot be read; the first is {message}"
    return Refused(422, message, faults[:MOST_FAULTS])


def _to_json(answer: Example | Document) -> dict[str, Any]:
    return document_to_json(answer) if isinstance(answer, Document) else example_to_json(answer)
