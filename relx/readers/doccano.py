"""doccano's JSONL of projects for sequence labeling and for relations."""

import logging
import re
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from relx.data.example import Entity, Example
from relx.data.json_form import to_line
from relx.data.json_validation import BadRecord, checked, optional, optional_items, required, shown
from relx.readers.annotation_tools import CARRIED, carried, given_score, own_record, places, score_of
from relx.readers.held import held
from relx.readers.jsonl import TextReader
from relx.readers.reader import DatasetReader
from relx.utils.files import atomic_write

logger = logging.getLogger(__name__)

SPAN = "[start, end, label]"
_NUMBER = re.compile("0|[1-9][0-9]{0,17}")
_TAKEN = ("label", "labels", "entities", "relations", CARRIED)


@DatasetReader.register("doccano")
class DoccanoReader(TextReader):
    """Read and write doccano's JSONL: texts with labeled spans of characters, and relations between them by id."""

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
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
        labeled = {"text": text, "entities": entities, "relations": relations}
        return own_record(labeled, further, record.get(CARRIED), self.window is not None)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a line for each sentence; mentions without a number as their id get negative ones.

        Raises DataError, RelxError.
        """
        relation_ids = count(1)
        unheld = 0
        with atomic_write(path) as file:
            for example in held(examples, path, holds_characters=True):
                text, spans = places(example)
                ids = _numbers(example)
                unheld += sum(entity.id not in (None, str(number)) for entity, number in ids.items())
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
        if unheld:
            logger.warning("%s: %d ids of mentions are left out, since doccano's are numbers", path, unheld)


def _numbers(example: Example) -> dict[Entity, int]:
    """Return doccano's id for each mention: its own one if that is a number and the only one, else a negative one."""
    own = Counter(entity.id for entity in example.entities)
    return {
        entity: int(entity.id) if entity.id is not None and _NUMBER.fullmatch(entity.id) and own[entity.id] == 1 else -i
        for i, entity in enumerate(example.entities, 1)
    }


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
    """Map each entity's id to its number, and remove negative ids. Raises BadRecord for a duplicate id."""
    numbers: dict[int, int] = {}
    for number, entity in enumerate(entities):
        id = entity["id"]
        if id is not None and numbers.setdefault(id, number) != number:
            raise BadRecord(f"entities[{number}].id: {id} is the id of entities[{numbers[id]}] already")
        if id is not None and id < 0:
            entity["id"] = None
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
