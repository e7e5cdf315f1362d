"""Triples of texts, in the three forms in which NYT and WebNLG are passed around."""

from typing import Any, Literal

from relx.data.example import Entity, Example
from relx.data.json_validation import BadRecord, check_span, checked, items, one_each, optional_items, required, shown
from relx.readers.json_reader import JsonReader
from relx.readers.mentions import Annotations, mention_text
from relx.readers.reader import DatasetReader
from relx.readers.sentences import pretokenized, unquoted

TYPES = "texts with several types in entityMentions; relx uses the last"
FORMS = (("triple_list",), ("relationMentions",), ("spo_details", "spo_list"))
SEVERAL = "records with triples in several forms; relx reads the first of triple_list, relationMentions, spo_details"
DETAILS = "[head start, head end, head type, relation, tail start, tail end, tail type]"


@DatasetReader.register("triples")
class TriplesReader(JsonReader):
    """Read triples of texts: ``triple_list`` (CasRel), ``relationMentions`` (CopyRE), ``spo_details`` (JointER).

    Args:
        occurrences: The places of a mention that the file names by its text alone: the ``first`` one in the sentence,
            or ``all`` of them.
    """

    def __init__(self, occurrences: Literal["first", "all"] = "first"):
        self.occurrences: Literal["first", "all"] = occurrences

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether one of the three keys is there."""
        return any(key in record for key in ("triple_list", "relationMentions", "spo_list", "spo_details"))

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        record = checked(record, dict, "record")
        if sum(any(key in record for key in form) for form in FORMS) > 1:
            self.note(SEVERAL)
        if "triple_list" in record:
            return self._triple_list(record)
        if "relationMentions" in record:
            return self._relation_mentions(record)
        if "spo_details" in record or "spo_list" in record:
            return self._spo(record)
        raise BadRecord("expected one of the keys triple_list, relationMentions, spo_details")

    def _triple_list(self, record: dict[str, Any]) -> Example:
        annotations = Annotations(pretokenized(required(record, "text", str)), self.occurrences)
        _add_triples(annotations, record, "triple_list")
        return annotations.finished()

    def _relation_mentions(self, record: dict[str, Any]) -> Example:
        annotations = Annotations(pretokenized(unquoted(required(record, "sentText", str))), self.occurrences)
        types = self._types(record)
        for text, type in types.items():
            annotations.named(text, type)
        for i, mention in enumerate(items(record, "relationMentions", dict)):
            keys = ("em1Text", "label", "em2Text")
            where = f"relationMentions[{i}]"
            head, label, tail = (required(mention, key, str, where) for key in keys)
            if label != "None":
                named = ((head, f"{where}.em1Text"), (tail, f"{where}.em2Text"))
                heads, tails = (annotations.named(mention_text(*pair), types.get(pair[0])) for pair in named)
                annotations.relate(heads, label, tails)
        return annotations.finished()

    def _types(self, record: dict[str, Any]) -> dict[str, str]:
        """Return the type of each mention, if the file gives types (as CoType's NYT11 does)."""
        types: dict[str, str] = {}
        for i, mention in enumerate(optional_items(record, "entityMentions", dict) or ()):
            where = f"entityMentions[{i}]"
            text = mention_text(required(mention, "text", str, where), f"{where}.text")
            type = required(mention, "label", str, where)
            if types.setdefault(text, type) != type:
                self.note(TYPES)
            types[text] = type
        return types

    def _spo(self, record: dict[str, Any]) -> Example:
        example = Example(items(record, "tokens", str))
        example.pos_tags = one_each(optional_items(record, "pos_tags", str), "pos_tags", len(example))
        annotations = Annotations(example, self.occurrences)
        if record.get("spo_details") is None:
            _add_triples(annotations, record, "spo_list")
        for i, details in enumerate(optional_items(record, "spo_details", list) or ()):
            _add_details(annotations, details, f"spo_details[{i}]")
        return annotations.finished()


def _add_triples(annotations: Annotations, record: dict[str, Any], key: str) -> None:
    for i, triple in enumerate(items(record, key, list)):
        where = f"{key}[{i}]"
        if len(triple) != 3:
            raise BadRecord(f"{where}: expected [subject, relation, object], got {shown(triple)}")
        head, type, tail = (checked(part, str, where) for part in triple)
        named = ((head, f"{where}[0]"), (tail, f"{where}[2]"))
        heads, tails = (annotations.named(mention_text(*pair)) for pair in named)
        annotations.relate(heads, type, tails)


def _add_details(annotations: Annotations, details: list[Any], where: str) -> None:
    if len(details) != 7:
        raise BadRecord(f"{where}: expected {DETAILS}, got {shown(details)}")
    head, tail = (_entity(annotations, details[i : i + 3], where) for i in (0, 4))
    annotations.relate([head], checked(details[3], str, where), [tail])


def _entity(annotations: Annotations, details: list[Any], where: str) -> Entity:
    start, end, type = checked(details[0], int, where), checked(details[1], int, where), checked(details[2], str, where)
    check_span(start, end, len(annotations.example), "tokens", where)
    return annotations.at(start, end, None if type == "None-label" else type)
