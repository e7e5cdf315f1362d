"""Label Studio's JSON: tasks with labeled spans of text and relations, as annotations or as predictions."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.example import Entity, Example
from relx.data.json_form import to_line
from relx.data.json_validation import BadRecord, checked, items, optional_items, required, shown
from relx.readers.annotation_tools import CARRIED, carried, given_score, own_record, places, score_of
from relx.readers.held import held
from relx.readers.jsonl import TextReader
from relx.readers.reader import DatasetReader
from relx.registry import Injected
from relx.utils.files import atomic_write

logger = logging.getLogger(__name__)

RELATION = "relation"
LABEL, TEXT = "label", "text"
MADE = "relx-"
"""What the id of a region begins with whose mention has no id of its own."""
SEVERAL = "tasks have several annotations; the first was read"
NONE = "tasks have no annotation, or only canceled ones; they have no labels"
UNPREDICTED = "tasks have no prediction; they have no labels"
PREDICTED = (
    "tasks have predictions (pre-annotations), which are not read; the reader "
    '{"type": "labelstudio", "labels": "predicted"} reads them'
)
NUMBERS = "the export has their numbers in place of them; get the tasks with fields=all from Label Studio's API"
BOTH_WAYS = "relations have both directions (bi); relx reads only the one from from_id to to_id"
OTHERS = "results other than spans with labels and relations are not read"
UNITS = "tasks have offsets in UTF-16 units, as releases before 1.5 wrote them; relx reads them so"


@DatasetReader.register("labelstudio")
class LabelStudioReader(TextReader):
    """Read and write Label Studio's JSON: tasks with a text, spans of characters and relations between them.

    Of a task that several people annotated the first annotation counts. The log says how many tasks have others, none,
    or predictions, how many relations have both directions, and how many results are of other kinds, such as choices.
    Beside the tasks, the labeling interface for their types is written.

    Args:
        tokenizer: The tokenizer of the experiment.
        sentence_splitter: The sentence splitter of the experiment.
        labels: The labels that are read and written: ``annotations`` of people (``gold``), or ``predictions``, which
            Label Studio shows as suggestions (``predicted``).
        window: The number of neighboring sentences that the model reads as one. Without it each text is one sentence.
    """

    def __init__(
        self,
        tokenizer: Injected[Tokenizer],
        sentence_splitter: Injected[SentenceSplitter],
        labels: Literal["gold", "predicted"] = "gold",
        window: int | None = None,
    ) -> None:
        super().__init__(tokenizer, sentence_splitter, window)
        self.key = "annotations" if labels == "gold" else "predictions"
        self._found: Counter[str] = Counter()

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether there are ``data`` and ``annotations`` or ``predictions``."""
        lists = (record.get("annotations"), record.get("predictions"))
        return isinstance(record.get("data"), dict) and any(isinstance(value, list) for value in lists)

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
        results, where = self._results(task)
        text = _text(data)
        entities: list[dict[str, Any]] = []
        numbers: dict[str, list[int]] = {}
        for i, result in enumerate(results):
            if result.get("type") == RELATION:
                self._found[BOTH_WAYS] += result.get("direction") == "bi"
                continue
            place = f"{where}.result[{i}]"
            found = _entities(result, place)
            if not found:
                self._found[OTHERS] += 1
                continue
            # Two controls that label one region give two results of its id.
            labels = numbers.setdefault(id := result["id"], [])
            if labels and entities[labels[0]]["characters"] != found[0]["characters"]:
                raise BadRecord(f"{place}.id: {shown(id)} is the id of another span of this task already")
            labels += range(len(entities), len(entities) + len(found))
            entities += found
        self._found[UNITS] += _count_code_points(entities, text)
        relations = [
            relation
            for i, result in enumerate(results)
            if result.get("type") == RELATION
            for relation in _relations(result, numbers, f"{where}.result[{i}]")
        ]
        meta = {key: item for key, item in data.items() if item is not text and key != CARRIED}
        further = {"id": task.get("id"), **({"meta": meta} if meta else {})}
        record = {"text": text, "entities": entities, "relations": relations}
        return own_record(record, further, data.get(CARRIED), self.window is not None, f"data.{CARRIED}")

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a list of tasks, and beside it the labeling interface of their types. Raises DataError, RelxError."""
        entity_types: dict[str, None] = {}
        relation_types: dict[str, None] = {}
        with atomic_write(path) as file:
            separator = "[\n"
            for example in held(examples, path, holds_characters=True):
                file.write(separator + to_line(self._task(example)))
                separator = ",\n"
                entity_types |= dict.fromkeys(str(entity.type) for entity in example.entities)
                relation_types |= dict.fromkeys(relation.type for relation in example.relations)
            file.write("\n]\n" if separator != "[\n" else "[]\n")
        if Path(path).is_file():
            interface = Path(path).with_name(Path(path).name.partition(".")[0] + ".interface.xml")
            with atomic_write(interface) as file:
                file.write(labeling_interface(entity_types, relation_types))
            logger.info("%s: the labeling interface for these types is %s", path, interface)

    def _results(self, task: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Return the results that count, and their place in the task."""
        if any(type(labels) is int for labels in task.get(self.key) or ()):
            raise BadRecord(f"{self.key}: {NUMBERS}")
        given = optional_items(task, self.key, dict) or []
        kept = [labels for labels in given if not labels.get("was_cancelled")]
        self._found[SEVERAL] += len(kept) > 1
        if self.key == "annotations":
            self._found[PREDICTED] += bool(task.get("predictions"))
            self._found[NONE] += not kept
        else:
            self._found[UNPREDICTED] += not kept
        where = f"{self.key}[{given.index(kept[0]) if kept else 0}]"
        return (items(kept[0], "result", dict, where) if kept else []), where

    def _task(self, example: Example) -> dict[str, Any]:
        text, spans = places(example)
        ids = _region_ids(example)
        results = [
            {
                "id": ids[entity], "from_name": LABEL, "to_name": TEXT, "type": "labels", **score_of(entity),
                "value": {"start": start, "end": end, "text": text[start:end], "labels": [entity.type]},
            }
            for entity, (start, end) in zip(example.entities, spans, strict=True)
        ]  # fmt: skip
        results += [
            {
                "type": RELATION, "from_id": ids[relation.head], "to_id": ids[relation.tail], "direction": "right",
                "labels": [relation.type], **score_of(relation),
            }
            for relation in example.relations
        ]  # fmt: skip
        labels: dict[str, Any] = {"result": results}
        if self.key == "predictions":
            scores = [float(label.score) for label in example.entities if label.score is not None]
            scores += [float(label.score) for label in example.relations if label.score is not None]
            labels |= {"model_version": "relx"} | ({"score": min(scores)} if scores else {})
        return {"data": {TEXT: text, CARRIED: carried(example)}, self.key: [labels]}


def _region_ids(example: Example) -> dict[Entity, str]:
    """Return a region's id for each mention: its own one where no other mention has it, else one that relx makes."""
    own = Counter(entity.id for entity in example.entities)
    numbered = ((f"{MADE}{number}", entity) for number, entity in enumerate(example.entities, 1))
    return {
        e: e.id if e.id is not None and own[e.id] == 1 and not e.id.startswith(MADE) else made for made, e in numbered
    }


def labeling_interface(entity_types: Iterable[str], relation_types: Iterable[str]) -> str:
    """Return the XML that a project of Label Studio needs as its labeling interface to hold these types."""
    lines = [
        "<View>",
        "  <Relations>",
        *(f"    <Relation value={quoteattr(type)}/>" for type in sorted(relation_types)),
    ]
    lines += ["  </Relations>", f'  <Labels name="{LABEL}" toName="{TEXT}">']
    lines += [*(f"    <Label value={quoteattr(type)}/>" for type in sorted(entity_types)), "  </Labels>"]
    return "\n".join([*lines, f'  <Text name="{TEXT}" value="${TEXT}"/>', "</View>", ""])


def _text(data: dict[str, Any]) -> str:
    """Return the text of a task: the value of ``text``, or the only string of its data."""
    strings = [value for value in data.values() if isinstance(value, str)]
    if isinstance(data.get(TEXT), str):
        return str(data[TEXT])
    if len(strings) != 1:
        raise BadRecord(f"data: expected a text under the key text, or one string alone, got {len(strings)} strings")
    return strings[0]


def _entities(result: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Return a mention for each label of a span; return none for a result of another kind."""
    value, inside = required(result, "value", dict, where), f"{where}.value"
    labels = [label for key in ("labels", "hypertextlabels") for label in optional_items(value, key, str, inside) or ()]
    if "start" not in value or not labels:
        return []
    place = [required(value, "start", int, inside), required(value, "end", int, inside)]
    words = {"text": value["text"]} if value.get("text") is not None else {}
    score = given_score(result, where)
    id = required(result, "id", str, where)
    own = {} if id.startswith(MADE) else {"id": id}
    return [{"characters": place, "type": label, **words, **score, **own} for label in labels]


def _count_code_points(entities: list[dict[str, Any]], text: str) -> bool:
    """Make places count characters where only UTF-16 units fit the words of the mentions; return whether they did."""
    if not text or max(text) <= "\uffff" or _fit(entities, text, [entity["characters"] for entity in entities]):
        return False
    starts = [place for place, character in enumerate(text) for _ in range(1 + (character > "\uffff"))]
    place_of = dict(enumerate([*starts, len(text)]))
    converted = [[place_of.get(place, -1) for place in entity["characters"]] for entity in entities]
    if not _fit(entities, text, converted):
        return False
    for entity, place in zip(entities, converted, strict=True):
        entity["characters"] = place
    return True


def _fit(entities: list[dict[str, Any]], text: str, spans: list[list[int]]) -> bool:
    """Return whether the given words of all mentions are at these places."""
    words = [(entity.get("text"), text[start:end]) for entity, (start, end) in zip(entities, spans, strict=True)]
    return all(own is None or str(own).split() == found.split() for own, found in words)


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
    score = given_score(result, where)
    yield from (
        {"head": h, "type": label, "tail": t, **score} for label in labels for h in numbers[head] for t in numbers[tail]
    )
