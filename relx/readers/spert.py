"""SpERT's form (Eberts and Ulges 2020), in which CoNLL04, SciERC and ADE are passed around."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.json_form import example_from_json, to_line
from relx.data.json_validation import checked, required
from relx.readers.held import held
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.utils.files import atomic_write

KEYS = ("tokens", "entities", "relations")


@DatasetReader.register("spert")
class SpertReader(JsonReader):
    """Read SpERT's list of sentences: tokens, typed entities, and relations by the numbers of the entities."""

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether there are ``tokens`` and an ``orig_id``; without the latter it is relx's own form."""
        return "tokens" in record and "orig_id" in record

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        record = checked(record, dict, "record")
        for key in KEYS:
            required(record, key, list)
        example = example_from_json({key: record[key] for key in KEYS})
        example.id = None if record.get("orig_id") is None else str(record["orig_id"])
        return example

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """One JSON list, a sentence on each line. Raises DataError, RelxError."""
        with atomic_write(path) as file:
            separator = "[\n"
            for number, example in enumerate(held(examples, path)):
                file.write(separator + to_line(_record(example, number)))
                separator = ",\n"
            file.write("\n]\n" if separator != "[\n" else "[]\n")


def _record(example: Example, number: int) -> dict[str, Any]:
    index = {entity: i for i, entity in enumerate(example.entities)}
    spans = ((entity.type, *entity.span) for entity in example.entities)
    return {
        "tokens": example.tokens,
        "entities": [{"type": type, "start": start, "end": end} for type, start, end in spans],
        "relations": [{"type": r.type, "head": index[r.head], "tail": index[r.tail]} for r in example.relations],
        "orig_id": example.id if example.id is not None else number,
    }
