"""The page at ``/``: its files, what its script asks for (suggestions, drawings, downloads), and a file's review."""

import io
import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.document import Document
from relx.data.example import Entity, Example, Relation
from relx.data.json_form import example_from_json, example_to_json
from relx.data.json_validation import BadRecord, check_span, checked, items, optional, required
from relx.errors import DataError, RelxError
from relx.readers import holds_error, make_reader, reader_for, sentences_of
from relx.readers.held import with_type
from relx.serving.intake import Intake, media_type_of, respond
from relx.serving.service import JSON, Options, Refused, Service, parsed, values_of
from relx.utils import drawing

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/static/page.css": ("page.css", "text/css; charset=utf-8"),
    "/static/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/static/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
}
FORMS = {
    "jsonl": "relx.jsonl", "labelstudio": "tasks.json", "doccano": "doccano.jsonl", "prodigy": "prodigy.jsonl",
    "brat": "brat",
}  # fmt: skip
LOWEST = "0.05"  # the least score of the candidates among which the slider of the page chooses
UNTYPED = "entity"
WIDTHS = (320, 4000)
REVIEW, NUMBER = "review", "number"
SUGGESTIONS = {"labelstudio": {"type": "labelstudio", "labels": "predicted"}}
LOOK = re.compile(r"[a-z]{0,20}")


class Review:
    """Hold the suggestions of a file of any form, and write what is reviewed to ``NAME.reviewed.jsonl`` beside it.

    That file has the reviewed sentences in relx's own form, each with its number under ``review`` in its ``meta``; it
    is written whole each time. A review continues where it ended. Raises DataError for files that cannot be read or do
    not belong together, RelxError for a folder in which nothing can be written.
    """

    def __init__(self, path: str, tokenizer: Tokenizer | None = None, splitter: SentenceSplitter | None = None) -> None:
        form = reader_for(path)
        read = sentences_of(make_reader(SUGGESTIONS.get(form, form), tokenizer, splitter), path)
        self.path = path
        self.suggested = [example for example in read if not holds_error(example)]
        stem = Path(path.rstrip("/")).name.removesuffix(".gz")
        name = stem if os.path.isdir(path) else stem.rpartition(".")[0] or stem
        self.output = Path(path.rstrip("/")).parent / f"{name}.reviewed.jsonl"
        self._lock = threading.Lock()
        if not os.access(self.output.parent, os.W_OK):
            raise RelxError(f"{self.output.parent}: what is reviewed cannot be written there; copy {path} elsewhere")
        self.done = self._read_done() if self.output.exists() else {}

    def sentence(self, number: int) -> Example:
        """Return a sentence as it was reviewed, or as it was suggested."""
        return self.done.get(number, self.suggested[number])

    def save(self, number: int, example: Example | None) -> None:
        """Keep a reviewed sentence, or forget it for None, and write the file."""
        with self._lock:
            done = {key: value for key, value in self.done.items() if key != number}
            if example is not None:
                done[number] = replace(example, meta={**(example.meta or {}), REVIEW: {NUMBER: number}})
            make_reader("jsonl").write((done[key] for key in sorted(done)), self.output)
            self.done = done

    def reviewed(self) -> Iterable[Example]:
        """Return the reviewed sentences in their order."""
        return [self.done[number] for number in sorted(self.done)]

    def _read_done(self) -> dict[int, Example]:
        done: dict[int, Example] = {}
        for example in make_reader("jsonl").read(self.output) if self.output.stat().st_size else ():
            number: Any = ((example.meta or {}).get(REVIEW) or {}).get(NUMBER)
            is_one = isinstance(number, int) and 0 <= number < len(self.suggested)
            if not is_one or example.tokens != self.suggested[number].tokens:
                raise DataError(
                    f"{self.output}: is no review of {self.path}: a sentence begins {' '.join(example.tokens[:6])!r} "
                    "and is not the one of its number; move the file elsewhere"
                )
            done[number] = example
        return done


def add_page(app: FastAPI, intake: Intake, review: Review | None) -> None:
    """Add the page and what it asks for to an application."""
    for path, (name, media_type) in FILES.items():
        content = resources.files(__package__).joinpath(name).read_bytes()
        content += drawing.STYLE.encode() if name == "page.css" else b""
        app.get(path, include_in_schema=False)(partial(_file, content, media_type))

    async def suggest(request: Request, model: str | None = None) -> Response:
        body = await intake.body(request)
        return respond(await intake.run(partial(_suggested, intake.service, body, media_type_of(request), model)))

    async def draw(request: Request, width: int = drawing.WIDTH) -> Response:
        body = await intake.body(request)
        return respond(await intake.run(lambda deadline: _drawings(body, width)))

    async def export(request: Request, form: str) -> Response:
        body = await intake.body(request)
        return await intake.run(lambda deadline: _download(_examples(_list(body)), form))

    async def state() -> Response:
        if review is None:
            return respond(None)
        done = sorted(review.done)
        return respond(
            {"file": review.path, "output": str(review.output), "count": len(review.suggested), "done": done}
        )

    app.post("/page/suggest", include_in_schema=False)(suggest)
    app.post("/page/draw", include_in_schema=False)(draw)
    app.post("/page/export", include_in_schema=False)(export)
    app.get("/review", include_in_schema=False)(state)
    if review is not None:
        _add_review(app, intake, review)


def _add_review(app: FastAPI, intake: Intake, review: Review) -> None:
    def require(number: int) -> None:
        if not 0 <= number < len(review.suggested):
            raise Refused(404, f"{review.path} has {len(review.suggested):,} sentences")

    async def export(form: str) -> Response:
        return await intake.run(lambda deadline: _download(review.reviewed(), form))

    async def sentence(number: int) -> Response:
        require(number)
        return respond(_card(review.sentence(number)) | {"done": number in review.done})

    async def save(number: int, request: Request) -> Response:
        require(number)
        value = parsed((await intake.body(request)).decode(errors="replace"))
        [example] = [None] if value is None else _examples([value])
        if example is not None and example.tokens != review.suggested[number].tokens:
            raise Refused(422, "tokens: are those of another sentence")
        await intake.run(lambda deadline: review.save(number, example))
        return respond({"done": sorted(review.done)})

    app.get("/review/export", include_in_schema=False)(export)
    app.get("/review/{number}", include_in_schema=False)(sentence)
    app.post("/review/{number}", include_in_schema=False)(save)


async def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type)


def _suggested(service: Service, body: bytes, media_type: str, model: str | None, deadline: float) -> dict[str, Any]:
    """Return a card for each sentence of the input: the candidates, and which of them the model itself chooses."""
    values, several = values_of(body, media_type)
    chosen, notes = service.answers(values, Options(model), deadline, several)
    try:
        candidates, _ = service.answers(values, Options(model, min_score=(LOWEST,)), deadline, several)
    except Refused:  # the model's predictions have no scores
        candidates = chosen
    pairs = zip(_sentences(candidates), _sentences(chosen), strict=True)
    return {"sentences": [_card(candidate, own) for candidate, own in pairs], "notes": notes}


def _sentences(answers: Sequence[Example | Document]) -> list[Example]:
    """Return the sentences of all answers; those of a document have its id and their number as id."""
    found = []
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, Example):
            found.append(answer)
            continue
        name = answer.id or (str(number) if len(answers) > 1 else "text")
        for i, sentence in enumerate(answer.sentences, 1):
            sentence.id = f"{name}:{i}"
            found.append(sentence)
    return found


def _card(example: Example, chosen: Example | None = None) -> dict[str, Any]:
    """Return a sentence for the page, and which of its entities and relations the model itself returns."""
    example = replace(example, entities=example.mentions())
    own = chosen or example
    entities, relations = set(map(_place, own.entities)), set(map(_places, own.relations))
    return {
        "record": example_to_json(example),
        "glued": example.glued(),
        "chosen": {
            "entities": [_place(entity) in entities for entity in example.entities],
            "relations": [_places(relation) in relations for relation in example.relations],
        },
    }


def _place(entity: Entity) -> tuple[Any, ...]:
    return entity.start, entity.end, entity.type, entity.text


def _places(relation: Relation) -> tuple[Any, ...]:
    return _place(relation.head), relation.type, _place(relation.tail)


def _drawings(body: bytes, width: int) -> list[str]:
    """Return an SVG element for each drawing that a script describes. Raises Refused."""
    try:
        drawn = [checked(value, dict, f"[{i}]") for i, value in enumerate(_list(body))]
        return [_drawing(value, min(max(width, WIDTHS[0]), WIDTHS[1]), f"[{i}]") for i, value in enumerate(drawn)]
    except BadRecord as error:
        raise Refused(422, str(error)) from None


def _drawing(value: dict[str, Any], width: int, where: str) -> str:
    words = items(value, "tokens", str, where)
    spans = [
        _span(span, len(words), f"{where}.spans[{i}]") for i, span in enumerate(items(value, "spans", dict, where))
    ]
    arcs = [_arc(arc, len(spans), f"{where}.arcs[{i}]") for i, arc in enumerate(items(value, "arcs", dict, where))]
    glued, types = items(value, "glued", int, where), items(value, "types", str, where)
    return drawing.draw(words, spans, arcs, glued, types, width, numbered=True)


def _span(value: dict[str, Any], length: int, where: str) -> drawing.Span:
    start, end = required(value, "start", int, where), required(value, "end", int, where)
    check_span(start, end, length, "tokens", where)
    return drawing.Span(start, end, required(value, "type", str, where), _look(value, where))


def _arc(value: dict[str, Any], count: int, where: str) -> drawing.Arc:
    head, tail = required(value, "head", int, where), required(value, "tail", int, where)
    if not (0 <= head < count and 0 <= tail < count):
        raise BadRecord(f"{where}: expected the numbers of two of the {count} spans, got {head} and {tail}")
    return drawing.Arc(head, tail, required(value, "type", str, where), _look(value, where))


def _look(value: dict[str, Any], where: str) -> str:
    look = optional(value, "look", str, where) or ""
    if not LOOK.fullmatch(look):
        raise BadRecord(f"{where}.look: expected lower-case letters")
    return look


def _list(body: bytes) -> list[Any]:
    values, several = values_of(body, JSON)
    if not several:
        raise Refused(422, "the body: expected a list")
    return values


def _examples(values: Iterable[Any]) -> list[Example]:
    """Return the Examples of records that the page sends. Raises Refused."""
    found = []
    for i, value in enumerate(values):
        try:
            found.append(example_from_json(value))
        except BadRecord as error:
            raise Refused(422, f"[{i}].{error}") from None
    return found


def _download(examples: Iterable[Example], form: str) -> Response:
    """Return sentences as a file of a form, or as a zip file where the form is several. Raises Refused."""
    if form not in FORMS:
        raise Refused(422, f"form: expected one of {', '.join(FORMS)}")
    held = examples if form == "jsonl" else (with_type(example, UNTYPED) for example in examples)
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_reader(form).write(held, Path(folder, FORMS[form]))
        except RelxError as error:
            raise Refused(422, str(error).replace(f"{folder}/", "")) from None
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        if len(files) == 1:
            name, content = files[0].name, files[0].read_bytes()
        else:
            name, packed = f"{form}.zip", io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in files:
                    archive.write(path, path.relative_to(folder))
            content = packed.getvalue()
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="application/octet-stream")
