"""doccano's JSONL of projects for sequence labelling and for relations."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.json_form import to_line
from relx.data.json_validation import BadRecord, checked, optional, optional_items, required, shown
from relx.readers.annotation_tools import CARRIED, carried, given_score, own_record, places, score_of
from relx.readers.held import held
from relx.readers.jsonl import TextReader
from relx.readers.reader import DatasetReader
from relx.utils.files import atomic_write

SPAN = "[start, end, label]"
_TAKEN = ("label", "labels", "entities", "relations", CARRIED)


@DatasetReader.register("doccano")
class DoccanoReader(TextReader):
    """Read and write doccano's JSONL: texts with labelled spans of characters, and relations between them by id."""

    @classmethod
    def recognises_record(cls, record: dict[str, Any]) -> bool:
        """Whether a text has entities with ``start_offset``, or labels as lists of start, end and label."""
        entities, labels = record.get("entities"), record.get("label", record.get("labels"))
        if isinstance(entities, list) and any(isinstance(e, dict) and "start_offset" in e for e in entities):
            return True
        return isinstance(labels, list) and any(isinstance(e, list) and len(e) == 3 for e in labels)

    def own_form(self, value: Any) -> dict[str, Any]:
        """Return the record in relx's own form. Raises BadRecord."""
        record = checked(value, dict, "record")
        entities = [_entity(entity, i) for i, entity in enumerate(optional_items(record, "entities", dict) or ())]
        for key in ("label", "labels"):
            spans = optional_items(record, key, list) or ()
            entities += [_span(span, f"{key}[{i}]") for i, span in enumerate(spans)]
        numbers = _numbers_by_id(entities)
        relations = [
            _relation(relation, numbers, f"relations[{i}]")
            for i, relation in enumerate(optional_items(record, "relations", dict) or ())
        ]
        place = "text" if "text" in record else "data"
        text = required(record, place, str)
        further = {key: item for key, item in record.items() if key != place and key not in _TAKEN}
        return own_record(text, entities, relations, further, record.get(CARRIED))

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a line for each sentence; ids of entities and relations count through. Raises DataError, RelxError."""
        entity_ids, relation_ids = count(1), count(1)
        with atomic_write(path) as file:
            for example in held(examples, path, holds_characters=True):
                text, spans = places(example)
                ids = {entity: next(entity_ids) for entity in example.entities}
                entities = [
                    {"id": ids[e], "label": e.type, "start_offset": start, "end_offset": end, **score_of(e)}
                    for e, (start, end) in zip(example.entities, spans, strict=True)
                ]
                relations = [
                    {"id": next(relation_ids), "from_id": ids[r.head], "to_id": ids[r.tail], "type": r.type}
                    | score_of(r)
                    for r in example.relations
                ]
                record = {"text": text, "entities": entities, "relations": relations, CARRIED: carried(example)}
                file.write(to_line(record) + "\n")


def _entity(record: dict[str, Any], number: int) -> dict[str, Any]:
    where = f"entities[{number}]"
    start, end = (required(record, key, int, where) for key in ("start_offset", "end_offset"))
    return {
        "id": optional(record, "id", int, where),
        "characters": [start, end],
        "type": required(record, "label", str, where),
        **given_score(record, where),
    }


def _numbers_by_id(entities: list[dict[str, Any]]) -> dict[int, int]:
    """Map each entity's id to its number, and remove the ids. Raises BadRecord for a duplicate id."""
    numbers: dict[int, int] = {}
    for number, entity in enumerate(entities):
        id = entity.pop("id")
        if id is not None and numbers.setdefault(id, number) != number:
            raise BadRecord(f"entities[{number}].id: {id} is the id of entities[{numbers[id]}] already")
    return numbers


def _span(span: list[Any], where: str) -> dict[str, Any]:
    if len(span) != 3:
        raise BadRecord(f"{where}: expected {SPAN}, got {shown(span)}")
    start, end = checked(span[0], int, f"{where}[0]"), checked(span[1], int, f"{where}[1]")
    return {"id": None, "characters": [start, end], "type": checked(span[2], str, f"{where}[2]")}


def _relation(record: dict[str, Any], numbers: dict[Any, int], where: str) -> dict[str, Any]:
    head, tail = (required(record, key, int, where) for key in ("from_id", "to_id"))
    for key, id in (("from_id", head), ("to_id", tail)):
        if id not in numbers:
            raise BadRecord(f"{where}.{key}: no entity of this record has the id {id}")
    ends = {"head": numbers[head], "type": required(record, "type", str, where), "tail": numbers[tail]}
    return ends | given_score(record, where)
