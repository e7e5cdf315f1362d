"""Prodigy's JSONL: texts with tokens, spans, and relations between them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relx.data.example import Entity, Example, text_and_offsets
from relx.data.json_form import to_line
from relx.data.json_validation import BadRecord, checked, optional_items, required, shown
from relx.readers.annotation_tools import CARRIED, carried, given_score, own_record, places, score_of
from relx.readers.held import held
from relx.readers.jsonl import TextReader
from relx.readers.reader import DatasetReader
from relx.utils.files import atomic_write

ACCEPT = "accept"
NOT_ACCEPTED = "records that were rejected or ignored; they are left out"
# Prodigy's own marks, which say nothing about the sentence.
_MARKS = ("answer", "_input_hash", "_task_hash", "_view_id", "_session_id", "_annotator_id", "_timestamp", "_is_binary")
_TAKEN = ("text", "tokens", "spans", "relations", CARRIED, *_MARKS)


@DatasetReader.register("prodigy")
class ProdigyReader(TextReader):
    """Read and write Prodigy's JSONL: texts with tokens, labeled spans of characters, and relations between spans.

    Records that an annotator rejected or ignored are left out; the log counts them.
    """

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether a text has ``spans``, or Prodigy's hash of its text."""
        spans = record.get("spans")
        return isinstance(record.get("text"), str) and (isinstance(spans, list) or "_input_hash" in record)

    def examples(self, record: Any) -> list[Example]:
        """Return the sentence of a record, or its windows; none if its labels were not accepted. Raises BadRecord."""
        if record is None:
            self.note(NOT_ACCEPTED)
            return []
        return super().examples(record)

    def own_form(self, value: Any) -> dict[str, Any] | None:
        """Return the record in relx's own form; None for one that was not accepted. Raises BadRecord."""
        record = checked(value, dict, "record")
        if record.get("answer", ACCEPT) != ACCEPT:
            return None
        text = required(record, "text", str)
        spans = [_span(span, f"spans[{i}]") for i, span in enumerate(optional_items(record, "spans", dict) or ())]
        tokens = [_token(token, f"tokens[{i}]") for i, token in enumerate(optional_items(record, "tokens", dict) or ())]
        relations = [
            _relation(relation, spans, tokens, f"relations[{i}]")
            for i, relation in enumerate(optional_items(record, "relations", dict) or ())
        ]
        further = {key: item for key, item in record.items() if key not in _TAKEN}
        if record.get("tokens") is not None:
            visible = [(start, end) for start, end in tokens if text[start:end].strip()]
            further |= {"tokens": [text[start:end] for start, end in visible], "offsets": [*map(list, visible)]}
        labeled = {"text": text, "entities": spans, "relations": relations}
        return own_record(labeled, further, record.get(CARRIED), self.window is not None)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a line for each sentence. Raises DataError, RelxError."""
        with atomic_write(path) as file:
            for example in held(examples, path, holds_characters=True):
                file.write(to_line(_record(example)) + "\n")


def _span(record: dict[str, Any], where: str) -> dict[str, Any]:
    place = [required(record, key, int, where) for key in ("start", "end")]
    own = {"id": record["id"]} if record.get("id") is not None else {}
    return {"characters": place, "type": required(record, "label", str, where), **given_score(record, where), **own}


def _token(record: dict[str, Any], where: str) -> tuple[int, int]:
    return required(record, "start", int, where), required(record, "end", int, where)


def _relation(
    record: dict[str, Any], spans: list[dict[str, Any]], tokens: list[tuple[int, int]], where: str
) -> dict[str, Any]:
    """Return a relation between two spans, adding those that the record gives with the relation only."""
    head, tail = (_argument(record, key, spans, tokens, where) for key in ("head", "child"))
    return {"head": head, "type": required(record, "label", str, where), "tail": tail, **given_score(record, where)}


def _argument(
    record: dict[str, Any], key: str, spans: list[dict[str, Any]], tokens: list[tuple[int, int]], where: str
) -> int:
    """Return the number of the span that a relation names by its place, or by the number of its last token."""
    given = record.get(f"{key}_span")
    if isinstance(given, dict) and given.get("label") is not None:
        span = _span(given, f"{where}.{key}_span")
        same = [i for i, other in enumerate(spans) if other == span] or [
            i for i, other in enumerate(spans) if _place(other) == _place(span)
        ]
        if not same:
            spans.append(span)
        return same[0] if same else len(spans) - 1
    number = required(record, key, int, where)
    ends = {end: i for i, (_, end) in enumerate(tokens)}
    ending = [i for i, span in enumerate(spans) if ends.get(span["characters"][1]) == number]
    if len(ending) != 1:
        raise BadRecord(f"{where}.{key}: {len(ending)} spans end with the token {shown(number)}; expected one")
    return ending[0]


def _place(span: dict[str, Any]) -> tuple[Any, ...]:
    return *span["characters"], span["type"]


def _record(example: Example) -> dict[str, Any]:
    text, characters = places(example)
    offsets = text_and_offsets(example)[1]
    spans: dict[Entity, dict[str, Any]] = {}
    for entity, (start, end) in zip(example.entities, characters, strict=True):
        first, stop = entity.span
        place = {"start": start, "end": end, "token_start": first, "token_end": stop - 1}
        own = {} if entity.id is None else {"id": entity.id}
        spans[entity] = {**place, "label": entity.type, **score_of(entity), **own}
    relations = [
        {
            "head": spans[relation.head]["token_end"], "child": spans[relation.tail]["token_end"],
            "head_span": spans[relation.head], "child_span": spans[relation.tail], "label": relation.type,
            **score_of(relation),
        }
        for relation in example.relations
    ]  # fmt: skip
    follows = [text[end : end + 1].isspace() for _, end in offsets]
    tokens = [
        {"text": text[start:end], "start": start, "end": end, "id": i, "ws": blank}
        for i, ((start, end), blank) in enumerate(zip(offsets, follows, strict=True))
    ]
    meta = {} if example.meta is None else {"meta": example.meta}
    passed = {CARRIED: carried(example, but=("meta",))}
    return {"text": text, "tokens": tokens, "spans": [*spans.values()], "relations": relations, **meta, **passed}
