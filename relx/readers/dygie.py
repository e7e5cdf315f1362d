"""DyGIE's form (Wadden et al. 2019), in which SciERC is published and ACE05 is prepared."""

import logging
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.document_json import is_document
from relx.data.example import Entity, Example
from relx.data.json_form import record_id, to_line
from relx.data.json_validation import BadRecord, checked, items, optional_items, shown
from relx.data.windows import windows
from relx.readers.documents import UNREAD, by_document
from relx.readers.held import held
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.utils.argument_checks import require_sizes
from relx.utils.files import atomic_write

logger = logging.getLogger(__name__)

LABELS, PREDICTED = {"ner": 3, "relations": 5}, "predicted_"
NER, RELATION = "[start, end, type]", "[head start, head end, tail start, tail end, type]"
REPEATED = "documents with the doc_key of an earlier one; a conversion may join the two"


@DatasetReader.register("dygie")
class DygieReader(JsonReader):
    """Read SciERC, and ACE05 as DyGIE prepares it: one document in a record, with positions in the document.

    Args:
        labels: The annotations to read: ``gold``, the keys ``ner`` and ``relations``, or ``predicted``, what DyGIE
            predicted (``predicted_ner``, ``predicted_relations``) in place of the keys that have a prediction.
        window: The number of neighboring sentences that the model reads as one. Each relation between mentions of such
            a window can be learned.
    """

    def __init__(self, labels: Literal["gold", "predicted"] = "gold", window: int = 1):
        require_sizes(window=window)
        self.labels = labels
        self.window = window
        self._across = 0
        self._keys: set[str | None] = set()

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether there are ``sentences``, and a document's key or its annotations."""
        return (
            "sentences" in record
            and not is_document(record)
            and any(key in record for key in ("doc_key", "ner", "relations", *(PREDICTED + key for key in LABELS)))
        )

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of a file, in order. Raises DataError for bad records, each with its ``file:line``.

        A relation of two sentences that no window holds belongs to the sentence that lists it, and its mention in the
        other sentence has no position; the log counts these relations.
        """
        self._across, self._keys = 0, set()
        yield from at_least_one(super().read(path), path)
        if self._across:
            logger.warning("%s: %d relations join two sentences; %s", path, self._across, UNREAD)

    def examples(self, record: Any) -> list[Example]:
        """Return the sentences of one document. Raises BadRecord, which says what was expected."""
        record = checked(record, dict, "record")
        if self.labels == "predicted":
            record = {**record, **{key: _predicted(record, key) for key in LABELS if PREDICTED + key in record}}
        document = _Record.of(record)
        if document.key in self._keys:
            self.note(REPEATED)
        self._keys |= {document.key} - {None}
        found = document.read()
        self._across += sum(
            abs(relation.head.sentence - relation.tail.sentence) >= self.window for relation in found.crossing
        )
        return windows(found, self.window)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """One line for each document, or for each sentence that has none. Raises DataError, RelxError."""
        with atomic_write(path) as file:
            for number, (name, sentences) in enumerate(by_document(held(examples, path))):
                file.write(to_line(_record(name or sentences[0].id or str(number), sentences)) + "\n")


@dataclass(frozen=True)
class _Record:
    key: str | None
    sentences: list[list[str]]
    begins: list[int]
    ner: list[list[Any]]
    relations: list[list[Any]]
    types: dict[tuple[int, int], str]

    @classmethod
    def of(cls, record: dict[str, Any]) -> "_Record":
        sentences = items(record, "sentences", list)
        for i, tokens in enumerate(sentences):
            for j, token in enumerate(tokens):
                if not checked(token, str, f"sentences[{i}][{j}]").strip():
                    raise BadRecord(f"sentences[{i}][{j}]: expected a word, got {shown(token)}")
        begins = list(accumulate(map(len, sentences), initial=0))
        ner, relations = (_one_each(record, key, len(sentences)) for key in ("ner", "relations"))
        document = cls(record_id(record, "doc_key"), sentences, begins, ner, relations, {})
        document._find_types()
        return document

    def read(self) -> Document:
        """Return the sentences, with positions relative to their first tokens, ends exclusive."""
        document = Document.of_sentences(map(Example, self.sentences), id=self.key)
        for number, mentions in enumerate(self.ner):
            begin = self.begins[number]
            document.sentences[number].entities = [Entity(s - begin, e + 1 - begin, type) for s, e, type in mentions]
        for number, relations in enumerate(self.relations):
            for i, fields in enumerate(relations):
                relation = self._relation(fields, number, f"relations[{number}][{i}]")
                if relation.crosses:
                    document.crossing.append(relation)
                else:
                    document.relate(*relation[:3])
        return document

    def _find_types(self) -> None:
        """Check the mentions of every sentence, and learn which type each has."""
        for number, mentions in enumerate(self.ner):
            for i, mention in enumerate(mentions):
                where = f"ner[{number}][{i}]"
                start, end, type = _fields(mention, NER, where)
                self._check_span(start, end, self.begins[number], self.begins[number + 1], where)
                self.types.setdefault((start, end), type)

    def _relation(self, fields: Any, number: int, where: str) -> DocumentRelation:
        *ends, type = _fields(fields, RELATION, where)
        for start, end in (ends[:2], ends[2:]):
            self._check_span(start, end, 0, self.begins[-1], where)
        return DocumentRelation(self._mention(*ends[:2]), type, self._mention(*ends[2:]), None, number)

    def _mention(self, start: int, end: int) -> DocumentMention:
        number = bisect_right(self.begins, start) - 1
        begin, type = self.begins[number], self.types.get((start, end))
        if end < self.begins[number + 1]:
            return DocumentMention(number, Entity(start - begin, end + 1 - begin, type))
        words = [token for tokens in self.sentences for token in tokens]
        return DocumentMention(number, Entity(None, None, type, " ".join(words[start : end + 1])))

    def _check_span(self, start: int, end: int, first: int, stop: int, where: str) -> None:
        if not first <= start <= end < stop:
            raise BadRecord(
                f"{where}: expected {first} <= start <= end <= {stop - 1} (tokens of the document), got {start}, {end}"
            )


def _predicted(record: dict[str, Any], key: str) -> list[list[Any]]:
    """Return the predicted labels without their scores."""
    sentences = items(record, PREDICTED + key, list)
    return [[label[: LABELS[key]] if isinstance(label, list) else label for label in labels] for labels in sentences]


def _one_each(record: dict[str, Any], key: str, sentences: int) -> list[list[Any]]:
    values = optional_items(record, key, list)
    if values is not None and len(values) != sentences:
        raise BadRecord(f"{key}: expected a list for each of the {sentences} sentences, got {len(values)}")
    return values if values is not None else [[] for _ in range(sentences)]


def _fields(values: Any, expected: str, where: str) -> list[Any]:
    """Return the positions and the type of one annotation."""
    if not isinstance(values, list) or len(values) != expected.count(",") + 1:
        raise BadRecord(f"{where}: expected {expected}, got {shown(values)}")
    *positions, type = values
    return [*(checked(position, int, where) for position in positions), checked(type, str, where)]


def _record(key: str, sentences: list[Example]) -> dict[str, Any]:
    begins = list(accumulate(map(len, sentences), initial=0))
    pairs = list(zip(sentences, begins, strict=False))
    return {
        "doc_key": key,
        "sentences": [example.tokens for example in sentences],
        "ner": [[[*_inclusive(e, begin), e.type] for e in example.entities] for example, begin in pairs],
        "relations": [
            [[*_inclusive(r.head, begin), *_inclusive(r.tail, begin), r.type] for r in example.relations]
            for example, begin in pairs
        ],
    }


def _inclusive(entity: Entity, begin: int) -> tuple[int, int]:
    start, end = entity.span
    return begin + start, begin + end - 1
