"""Predict one part after another in one process, and write each as a file of its own."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import torch

from relx import plugins
from relx.annotators.sentence_splitters.splitter import SentenceSplitter, Span, visible_spans
from relx.bulk.plan import Part, require_columns
from relx.bulk.settings import Settings
from relx.bulk.tables import RowReader
from relx.calibration.min_score import parse
from relx.data.document import Document
from relx.data.document_json import document_to_json
from relx.data.json_validation import BadRecord
from relx.errors import RelxError
from relx.predictors.documents import LONGEST, DocumentPredictor, Input
from relx.predictors.given import GivenEntities
from relx.predictors.lines import Failure, kind_of
from relx.predictors.predictor import Predictor
from relx.schema import Enforcement, Schema
from relx.utils.files import atomic_binary
from relx.utils.runtime import return_freed_memory

SENTENCES = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
ENTITIES = pa.list_(
    pa.struct(
        [("id", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("sentence", pa.int32()),
         ("type", pa.string()), ("text", pa.string()), ("score", pa.float64())]
    )
)  # fmt: skip
RELATIONS = pa.list_(
    pa.struct([("type", pa.string()), ("head", pa.string()), ("tail", pa.string()), ("score", pa.float64())])
)


class WholeTexts(SentenceSplitter):
    """Take each text as one sentence."""

    def split(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the span of each text without the blanks around it."""
        return [visible_spans(text, [(0, len(text))]) for text in texts]


class Worker:
    """A model that predicts parts of tables.

    Raises ArchiveError, PluginError, ConfigError and DataError for an archive or options that cannot be used.
    """

    def __init__(self, settings: Settings, paths: Sequence[str]) -> None:
        for plugin in settings.include:
            plugins.include(plugin)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings = settings
        self.predictor = Predictor.load(settings.archive, settings.device, settings.overrides)
        names = settings.entities
        self.names = False if names is None else self.predictor.gazetteer(names, settings.ignore_case)
        self.schema = None if settings.schema is None else Schema.read(settings.schema)
        if self.schema is not None:
            self.predictor.require_known(self.schema, settings.schema or "")
        self.paths = paths
        self.columns = require_columns(settings, paths)
        self.reader = RowReader(paths, settings.columns())
        self.documents()

    def documents(self) -> DocumentPredictor:
        """Return what predicts documents, with counts that begin at 0. Raises ConfigError for bad options."""
        settings = self.settings
        decision = self.predictor.decision(parse([*settings.min_score]), not settings.raw_scores, self.names)
        self.given = decision.given if isinstance(decision.given, GivenEntities) else None
        documents = self.predictor.document_predictor(decision, settings.window, settings.longest or LONGEST)
        return replace(documents, splitter=WholeTexts()) if settings.sentences else documents

    def __call__(self, part: Part, folder: Path) -> dict[str, Any]:
        """Predict a part and write its file into the folder. Return what is listed of it: file, digest, counts.

        Raises DataError for rows that cannot be read, RelxError for a file that cannot be written.
        """
        table = self.reader.read(part.file, part.start, part.rows)
        documents = self.documents()
        enforcement = None if self.schema is None else Enforcement(self.schema)
        counts: Counter[str] = Counter()
        failures: Counter[str] = Counter()
        answers = []
        for number, answer in documents.answers(enumerate(self._inputs(table, documents))):
            if isinstance(answer, RelxError):
                kind = "without a usable text" if isinstance(answer, BadRecord) else kind_of(answer)
                failures[kind] += 1
                answers.append({"error": str(answer), "error_kind": kind})
                continue
            assert isinstance(answer, Document)
            found = document_to_json(answer if enforcement is None else enforcement.document(answer, str(number)))
            counts.update({key: len(found[key]) for key in ("sentences", "entities", "relations")})
            answers.append(found)
        counts.update(crossing=documents.crossing, in_pieces=documents.in_pieces, left_out=documents.left_out)
        content = _parquet(self._table(part, table, answers))
        with atomic_binary(folder / part.name) as file:
            file.write(content)
        return_freed_memory()
        return {
            "part": part.number,
            "file": part.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "rows": part.rows,
            "failures": failures,
            "counts": counts,
            "given": {} if self.given is None else self.given.counts(),
            "dropped": {} if enforcement is None else {"": enforcement.relations, **enforcement.dropped},
        }

    def _inputs(self, table: pa.Table, documents: DocumentPredictor) -> Iterator[Input]:
        """Yield the document of each row, or why it has none."""
        for content in table.column(self.settings.column).cast(pa.binary()).to_pylist():
            if content is None:
                yield Failure("without a text", f"{self.settings.column}: is null")
                continue
            try:
                text = content.decode()
            except UnicodeDecodeError as error:
                yield Failure("not UTF-8", f"{self.settings.column}: not UTF-8 text (byte {error.start + 1})")
                continue
            yield documents.documents([{"text": text}])[0]

    def _table(self, part: Part, table: pa.Table, answers: list[dict[str, Any]]) -> pa.Table:
        if self.settings.id_column is None:
            name = Path(self.paths[part.file]).name
            ids = pa.array([f"{name}:{row}" for row in range(part.start + 1, part.start + part.rows + 1)])
        else:
            ids = table.column(self.settings.id_column).cast(self.columns.field(self.settings.id_column).type)
        columns = {
            "id": ids,
            **{name: pa.array([answer.get(name) for answer in answers], type)
               for name, type in (("sentences", SENTENCES), ("entities", ENTITIES), ("relations", RELATIONS))},
            **{name: pa.array([answer.get(name) for answer in answers], pa.string())
               for name in ("error", "error_kind")},
        }  # fmt: skip
        kept = [name for name in self.settings.keep if name not in columns]
        return pa.table(columns | {name: _kept(table.column(name), self.columns.field(name).type) for name in kept})


def _kept(column: pa.ChunkedArray, type: pa.DataType) -> pa.ChunkedArray:
    """Return a column as the output holds it: Parquet requires that all texts are UTF-8."""
    column = column.cast(type)
    if not pa.types.is_string(type):
        return column
    contents = column.cast(pa.binary())
    try:
        return contents.cast(type)
    except pa.ArrowInvalid:
        texts = [None if content is None else content.decode(errors="replace") for content in contents.to_pylist()]
        return pa.chunked_array([pa.array(texts, type)])


def _parquet(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue().to_pybytes()
