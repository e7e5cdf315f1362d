"""Label Studio's export (JSON) of tasks with labelled spans of text and relations."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.json_validation import BadRecord, checked, items, optional_items, required, shown
from relx.readers.jsonl import TextReader
from relx.readers.reader import DatasetReader

logger = logging.getLogger(__name__)

RELATION = "relation"
SEVERAL = "tasks have several annotations; the first was read"
NONE = "tasks have no annotation, or only cancelled ones; they have no labels"
PREDICTED = "tasks have predictions (pre-annotations), which are not read"
BOTH_WAYS = "relations have both directions (bi); they are read from from_id to to_id alone"
OTHERS = "results other than spans with labels and relations are not read"


@DatasetReader.register("label_studio")
class LabelStudioReader(TextReader):
    """Read Label Studio's JSON: tasks with a text, spans of characters and relations between them.

    Of a task that several people annotated the first annotation counts. The log says how many tasks have others, none,
    or predictions, how many relations have both directions, and how many results are of other kinds, such as choices.
    """

    _found: Counter[str]

    @classmethod
    def recognises_record(cls, record: dict[str, Any]) -> bool:
        """Whether there are ``data`` and ``annotations``."""
        return isinstance(record.get("data"), dict) and isinstance(record.get("annotations"), list)

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the texts of a file, in order. Raises DataError for all bad records, each with its line."""
        self._found = Counter()
        yield from super().read(path)
        for what, count in (+self._found).items():
            logger.warning("%s: %d %s", path, count, what)

    def own_form(self, value: Any) -> dict[str, Any]:
        """Return the task in relx's own form. Raises BadRecord."""
        task = checked(value, dict, "record")
        data = required(task, "data", dict)
        self._found[PREDICTED] += bool(task.get("predictions"))
        kept = [a for a in items(task, "annotations", dict) if not a.get("was_cancelled")]
        self._found[SEVERAL] += len(kept) > 1
        self._found[NONE] += not kept
        results = items(kept[0], "result", dict, "annotations[0]") if kept else []
        entities: list[dict[str, Any]] = []
        numbers: dict[str, list[int]] = {}
        for i, result in enumerate(results):
            where = f"annotations[0].result[{i}]"
            found = [] if result.get("type") == RELATION else _entities(result, where)
            if found:
                # Two controls that label one region give two results of its id.
                labels = numbers.setdefault(id := required(result, "id", str, where), [])
                if labels and entities[labels[0]]["characters"] != found[0]["characters"]:
                    raise BadRecord(f"{where}.id: {shown(id)} is the id of another span of this task already")
                labels += range(len(entities), len(entities) + len(found))
                entities += found
            self._found[OTHERS] += not found and result.get("type") != RELATION
            self._found[BOTH_WAYS] += result.get("type") == RELATION and result.get("direction") == "bi"
        relations = [
            relation
            for i, result in enumerate(results)
            if result.get("type") == RELATION
            for relation in _relations(result, numbers, f"annotations[0].result[{i}]")
        ]
        text = _text(data)
        meta = {key: item for key, item in data.items() if item is not text}
        record = {"text": text, "entities": entities, "relations": relations, "id": task.get("id")}
        return {**record, "meta": meta} if meta else record


def _text(data: dict[str, Any]) -> str:
    """Return the text of a task: the value of ``text``, or the only string of its data."""
    strings = [value for value in data.values() if isinstance(value, str)]
    if isinstance(data.get("text"), str):
        return str(data["text"])
    if len(strings) != 1:
        raise BadRecord(f"data: expected a text under the key text, or one string alone, got {len(strings)} strings")
    return strings[0]


def _entities(result: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Return a mention for each label of a span; return none for a result of another kind."""
    value, where = required(result, "value", dict, where), f"{where}.value"
    labels = [label for key in ("labels", "hypertextlabels") for label in optional_items(value, key, str, where) or ()]
    if "start" not in value or not labels:
        return []
    place = [required(value, "start", int, where), required(value, "end", int, where)]
    words = {"text": value["text"]} if value.get("text") is not None else {}
    return [{"characters": place, "type": label, **words} for label in labels]


def _relations(result: dict[str, Any], numbers: dict[str, list[int]], where: str) -> Iterator[dict[str, Any]]:
    """Yield a relation for each label of the result, in the direction of the result."""
    ends = [required(result, key, str, where) for key in ("from_id", "to_id")]
    for key, id in zip(("from_id", "to_id"), ends, strict=True):
        if id not in numbers:
            raise BadRecord(f"{where}.{key}: no span of this task has the id {id!r}")
    labels = optional_items(result, "labels", str, where)
    if not labels:
        raise BadRecord(f"{where}.labels: expected the type of the relation")
    head, tail = reversed(ends) if result.get("direction") == "left" else ends
    yield from ({"head": h, "type": label, "tail": t} for label in labels for h in numbers[head] for t in numbers[tail])
