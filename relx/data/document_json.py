"""The JSON form of a Document, in and out; ``docs/formats.md`` describes it.

Reading what was written gives an equal Document.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from relx.data.document import Document, DocumentMention, DocumentRelation, Name
from relx.data.example import Example, text_and_offsets
from relx.data.json_form import example_from_json, record_id, without_none
from relx.data.json_validation import BadRecord, check_span, items, optional, optional_items, required, shown


def is_document(record: object) -> bool:
    """Return whether a JSON value has the form of a document."""
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return False
    sentences = record.get("sentences")
    return isinstance(sentences, list) and all(isinstance(sentence, dict) for sentence in sentences)


def document_to_json(document: Document) -> dict[str, Any]:
    """Return the JSON form of a Document; omit what is missing, except entities, relations and mentions."""
    ids = _ids(document.mentions())
    return without_none(
        id=document.id,
        text=document.text,
        sentences=[
            _sentence_to_json(start, sentence)
            for start, sentence in zip(document.starts, document.sentences, strict=True)
        ],
        entities=[_entity_to_json(document, mention, id) for mention, id in ids.items()],
        relations=[_relation_to_json(relation, ids) for relation in document.relations()],
        mentions=[_name_to_json(name) for name in document.names()],
        meta=document.meta,
    )


def document_from_json(record: dict[str, Any]) -> Document:
    """Return the Document of a record that ``is_document``; its ``mentions`` are computed, not read. Raises BadRecord.

    An entity without a place is one of its ``sentence``, or of the first one.
    """
    document = Document(required(record, "text", str), id=record_id(record, "id"), meta=optional(record, "meta", dict))
    sentences = items(record, "sentences", dict)
    for i, sentence in enumerate(sentences):
        document.starts.append(_start(sentence, document, f"sentences[{i}]"))
    of_sentence: list[list[dict[str, Any]]] = [[] for _ in sentences]
    places: dict[str, tuple[int, int]] = {}
    for i, entity in enumerate(optional_items(record, "entities", dict) or ()):
        id = required(entity, "id", str, f"entities[{i}]")
        number, given = _mention(entity, document, f"entities[{i}]")
        given |= {} if id == f"T{i + 1}" else {"id": id}
        if id in places:
            raise BadRecord(f"entities[{i}].id: {shown(id)} is the id of another entity already")
        places[id] = number, len(of_sentence[number])
        of_sentence[number].append(given)
    for i, (sentence, entities) in enumerate(zip(sentences, of_sentence, strict=True)):
        document.sentences.append(_sentence(sentence, document.text, entities, f"sentences[{i}]"))
    for i, relation in enumerate(optional_items(record, "relations", dict) or ()):
        _add_relation(relation, places, document, f"relations[{i}]")
    return document


def _ids(mentions: Iterable[DocumentMention]) -> dict[DocumentMention, str]:
    """Return an id for each mention: its own, or its number if it has none or the id is taken."""
    ids: dict[DocumentMention, str] = {}
    taken: set[str] = set()
    for number, mention in enumerate(mentions, 1):
        own = mention.entity.id
        ids[mention] = f"T{number}" if own is None or own in taken else own
        taken.add(ids[mention])
    return ids


def _sentence_to_json(start: int, sentence: Example) -> dict[str, Any]:
    text, offsets = text_and_offsets(sentence)
    return without_none(
        start=start,
        end=start + len(text),
        tokens=sentence.tokens,
        offsets=[[start + a, start + b] for a, b in offsets],
        pos_tags=sentence.pos_tags,
        heads=sentence.dependency_heads,
        deprels=sentence.deprels,
    )


def _entity_to_json(document: Document, mention: DocumentMention, id: str) -> dict[str, Any]:
    start, end = document.characters(mention) or (None, None)
    entity = mention.entity
    return without_none(
        id=id, start=start, end=end, sentence=mention.sentence, type=entity.type, text=document.mention_text(mention),
        score=entity.score,
    )  # fmt: skip


def _relation_to_json(relation: DocumentRelation, ids: dict[DocumentMention, str]) -> dict[str, Any]:
    return without_none(
        type=relation.type, head=ids[relation.head], tail=ids[relation.tail], score=relation.score,
        unseen=relation.unseen or None,
    )  # fmt: skip


def _name_to_json(name: Name) -> dict[str, Any]:
    places = [list(place) for place in name.places]
    return without_none(type=name.type, name=name.name, count=len(places), places=places)


def _start(sentence: dict[str, Any], document: Document, where: str) -> int:
    start, end = (required(sentence, key, int, where) for key in ("start", "end"))
    if start != end:
        check_span(start, end, len(document.text), "characters of text", where)
    if document.starts and start < document.starts[-1]:
        raise BadRecord(f"{where}.start: {start} is before the start of the sentence above")
    return start


def _sentence(sentence: dict[str, Any], text: str, entities: list[dict[str, Any]], where: str) -> Example:
    start, end = sentence["start"], sentence["end"]
    record = {
        "text": text[start:end],
        "tokens": items(sentence, "tokens", str, where),
        "offsets": [_shifted(pair, -start) for pair in items(sentence, "offsets", list, where)],
        "entities": entities,
        **{key: sentence[key] for key in ("pos_tags", "heads", "deprels") if sentence.get(key) is not None},
    }
    try:
        return example_from_json(record)
    except BadRecord as error:
        raise BadRecord(f"{where}.{error}") from None


def _mention(entity: dict[str, Any], document: Document, where: str) -> tuple[int, dict[str, Any]]:
    """Return the index of the sentence that holds an entity, and the entity as a record of that sentence has it."""
    number = optional(entity, "sentence", int, where) or 0
    given: dict[str, Any] = {key: entity[key] for key in ("type", "score") if entity.get(key) is not None}
    if entity.get("start") is None:
        given["text"] = required(entity, "text", str, where)
    else:
        start, end = required(entity, "start", int, where), required(entity, "end", int, where)
        check_span(start, end, len(document.text), "characters of text", where)
        number = max(0, bisect_right(document.starts, start) - 1)
        given["characters"] = _shifted([start, end], -document.starts[number] if document.starts else 0)
    if not 0 <= number < len(document.starts):
        raise BadRecord(f"{where}.sentence: expected the index of a sentence, got {number}")
    return number, given


def _shifted(pair: list[Any], by: int) -> list[Any]:
    return [place + by if type(place) is int else place for place in pair]


def _add_relation(relation: dict[str, Any], places: dict[str, tuple[int, int]], document: Document, where: str) -> None:
    ids = {key: required(relation, key, str, where) for key in ("head", "tail")}
    for key, id in ids.items():
        if id not in places:
            raise BadRecord(f"{where}.{key}: no entity has the id {shown(id)}")
    head, tail = (
        DocumentMention(number, document.sentences[number].entities[i])
        for number, i in (places[id] for id in ids.values())
    )
    type, score = required(relation, "type", str, where), optional(relation, "score", float, where)
    document.relate(head, type, tail, score, optional(relation, "unseen", bool, where) or False)
