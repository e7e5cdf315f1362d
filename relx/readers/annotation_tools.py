"""What the forms of annotation tools share: a text, mentions by character, and what the tool passes through unread."""

from collections.abc import Collection, Mapping
from typing import Any

from relx.data.example import Entity, Example, Relation, text_and_offsets
from relx.data.json_form import KEYS, example_to_json
from relx.data.json_validation import checked, only_keys, optional
from relx.readers.held import place_in_text

CARRIED = "relx"
"""The key under which a record holds the fields of a sentence that the tool does not know, in relx's own form."""

OF_TOKENS = ("tokens", "offsets", "pos_tags", "heads", "deprels")


def carried(example: Example, but: Collection[str] = ()) -> dict[str, Any]:
    """Return what a tool passes through unread: the fields of a sentence except its text, its labels and ``but``."""
    fields = example_to_json(example.unlabeled()) | {"offsets": [*map(list, text_and_offsets(example)[1])]}
    return {key: value for key, value in fields.items() if key not in ("text", "entities", "relations", *but)}


def own_record(
    record: dict[str, Any], further: Mapping[str, Any], passed: Any, as_text: bool, where: str = CARRIED
) -> dict[str, Any]:
    """Return a record in relx's own form, with what a tool passed through: what ``carried`` made, or None.

    ``record`` has the text and the labels, ``further`` what the tool has besides. ``as_text`` leaves out the tokens, so
    that the text is split again. Raises BadRecord.
    """
    fields = {} if passed is None else checked(passed, dict, where)
    only_keys(fields, KEYS, where)
    whole = {**further, **fields, **record}
    return {key: value for key, value in whole.items() if not (as_text and key in OF_TOKENS)}


def places(example: Example) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of a sentence and the characters of each of its mentions."""
    text, offsets = text_and_offsets(example)
    return text, [place_in_text(entity, text, offsets) for entity in example.entities]


def score_of(label: Entity | Relation) -> dict[str, float]:
    """Return the score of a mention or a relation under its key; nothing if it has none."""
    return {} if label.score is None else {"score": label.score}


def given_score(record: dict[str, Any], where: str) -> dict[str, float]:
    """Return the score that a record gives under its key; nothing if it gives none. Raises BadRecord."""
    score = optional(record, "score", float, where)
    return {} if score is None else {"score": score}
