"""relx's own JSON form of an Example: one for gold data and for predictions, in and out.

``docs/formats.md`` describes it. Reading what was written gives an equal Example.
"""

from collections.abc import Sequence
from typing import Any

from relx.data.alignment import token_span
from relx.data.example import Entity, Example, Relation
from relx.data.fields import (
    BadRecord,
    check_span,
    checked,
    items,
    one_each,
    only_keys,
    optional,
    optional_items,
    required,
    shown,
)
from relx.data.trees import tree_fault
from relx.text import json_text
from relx.tokenizers.tokenizer import Tokenizer

KEYS = ("id", "text", "tokens", "offsets", "entities", "relations", "pos_tags", "heads", "deprels", "meta")
ENTITY_KEYS = ("start", "end", "type", "text", "score", "characters")
RELATION_KEYS = ("head", "type", "tail", "score")


def example_from_json(record: Any, tokenizer: Tokenizer | None = None) -> Example:
    """The Example that a JSON value describes. A record without tokens is split by the tokenizer.

    Raises BadRecord, which says what was expected, for anything that is not of the form.
    """
    record = checked(tokenized([record], tokenizer)[0], dict, "record")
    only_keys(record, KEYS)
    example = _sentence(record)
    example.entities = [
        _entity(entity, example, f"entities[{i}]")
        for i, entity in enumerate(optional_items(record, "entities", dict) or ())
    ]
    example.relations = [
        _relation(relation, example, f"relations[{i}]")
        for i, relation in enumerate(optional_items(record, "relations", dict) or ())
    ]
    return example


def example_to_json(example: Example) -> dict[str, Any]:
    """The JSON form of an Example; what it does not have is left out, entities and relations apart."""
    numbers = {entity: i for i, entity in reversed(list(enumerate(example.entities)))}
    return _without_none(
        id=example.id,
        text=example.text,
        tokens=example.tokens,
        offsets=example.offsets and [list(offset) for offset in example.offsets],
        entities=[_entity_to_json(example, entity) for entity in example.entities],
        relations=[_relation_to_json(example, relation, numbers) for relation in example.relations],
        pos_tags=example.pos_tags,
        heads=example.heads,
        deprels=example.deprels,
        meta=example.meta,
    )


def tokenized(records: Sequence[Any], tokenizer: Tokenizer | None) -> list[Any]:
    """The records, those with text but no tokens completed by the tokenizer, all texts in one call."""
    bare = [i for i, record in enumerate(records) if _has_only_text(record)]
    if tokenizer is None or not bare:
        return list(records)
    completed = list(records)
    for i, tokens in zip(bare, tokenizer.tokenize([records[i]["text"] for i in bare]), strict=True):
        completed[i] = {**records[i], "tokens": tokens.words, "offsets": [list(offset) for offset in tokens.offsets]}
    return completed


def to_line(record: dict[str, Any]) -> str:
    """A record as one line of JSON, without its newline."""
    return json_text(record)


def _has_only_text(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("text"), str) and record.get("tokens") is None


def _sentence(record: dict[str, Any]) -> Example:
    if _has_only_text(record):
        raise BadRecord("tokens: missing; text alone needs a tokenizer")
    text = optional(record, "text", str)
    tokens = items(record, "tokens", str)
    for i, token in enumerate(tokens):
        if not token.strip():
            raise BadRecord(f"tokens[{i}]: expected a word, got {shown(token)}")
    heads = _heads(record, len(tokens))
    deprels = one_each(optional_items(record, "deprels", str), "deprels", len(tokens))
    if deprels is not None and heads is None:
        raise BadRecord("deprels: have no meaning without heads")
    return Example(
        tokens,
        text=text,
        offsets=_offsets(record, text, len(tokens)),
        pos_tags=one_each(optional_items(record, "pos_tags", str), "pos_tags", len(tokens)),
        heads=heads,
        deprels=deprels,
        id=optional(record, "id", str),
        meta=optional(record, "meta", dict),
    )


def _heads(record: dict[str, Any], length: int) -> list[int] | None:
    heads = one_each(optional_items(record, "heads", int), "heads", length)
    fault = tree_fault(heads or ())
    if fault is not None:
        raise BadRecord(f"heads[{fault[0]}]: {fault[1]}")
    return heads


def _offsets(record: dict[str, Any], text: str | None, length: int) -> list[tuple[int, int]] | None:
    pairs = one_each(optional_items(record, "offsets", list), "offsets", length)
    if pairs is None:
        return None
    if text is None:
        raise BadRecord("offsets: have no meaning without text")
    offsets = [_characters(pair, text, f"offsets[{i}]") for i, pair in enumerate(pairs)]
    for i, (before, after) in enumerate(zip(offsets, offsets[1:], strict=False), 1):
        if after[0] < before[0] or after[1] < before[1]:
            raise BadRecord(f"offsets[{i}]: expected the order of the text, got {list(after)} after {list(before)}")
    return offsets


def _characters(pair: Any, text: str, where: str) -> tuple[int, int]:
    if not isinstance(pair, list) or [type(value) for value in pair] != [int, int]:
        raise BadRecord(f"{where}: expected [start, end], two whole numbers (characters), got {shown(pair)}")
    start, end = pair
    check_span(start, end, len(text), "characters of text", where)
    return start, end


def _entity(record: dict[str, Any], example: Example, where: str) -> Entity:
    only_keys(record, ENTITY_KEYS, where)
    entity = Entity(
        None, None, optional(record, "type", str, where), optional(record, "text", str, where),
        optional(record, "score", float, where),
    )  # fmt: skip
    if record.get("start") is not None or record.get("end") is not None:
        return _named_once(_at_tokens(entity, record, example, where), example)
    if record.get("characters") is not None:
        return _named_once(_at_characters(entity, record["characters"], example, where), example)
    if not entity.text:
        raise BadRecord(f"{where}: expected start and end (tokens), characters, or at least the text of the mention")
    return entity


def _at_tokens(entity: Entity, record: dict[str, Any], example: Example, where: str) -> Entity:
    start, end = required(record, "start", int, where), required(record, "end", int, where)
    check_span(start, end, len(example), "tokens", where)
    located = entity._replace(start=start, end=end)
    given, own = record.get("characters"), example.characters(located)
    if given is not None and own is not None and given != list(own):
        raise BadRecord(f"{where}.characters: tokens {start} to {end} stand at {list(own)}; give one of the two")
    return located


def _at_characters(entity: Entity, given: Any, example: Example, where: str) -> Entity:
    if example.text is None or example.offsets is None:
        raise BadRecord(f"{where}.characters: need text, and tokens with offsets or none (a tokenizer makes them)")
    start, end = _characters(given, example.text, f"{where}.characters")
    mention = example.text[start:end]
    if entity.text is not None and entity.text != mention:
        raise BadRecord(f"{where}.text: {shown(entity.text)}, but characters {start} to {end} are {shown(mention)}")
    tokens = token_span(example.offsets, start, end)
    if tokens is None:
        raise BadRecord(f"{where}.characters: no token stands at {start} to {end}, {shown(mention)}")
    return entity._replace(start=tokens[0], end=tokens[1], text=mention.strip())


def _named_once(entity: Entity, example: Example) -> Entity:
    """Without its text if that says no more than its tokens."""
    plain = entity._replace(text=None)
    return plain if entity.text in (example.mention_text(plain), _slice(example, plain)) else entity


def _slice(example: Example, entity: Entity) -> str | None:
    characters = example.characters(entity)
    return None if characters is None or example.text is None else example.text[slice(*characters)]


def _relation(record: dict[str, Any], example: Example, where: str) -> Relation:
    only_keys(record, RELATION_KEYS, where)
    head, tail = (_argument(record, key, example, where) for key in ("head", "tail"))
    return Relation(head, required(record, "type", str, where), tail, optional(record, "score", float, where))


def _argument(record: dict[str, Any], key: str, example: Example, where: str) -> Entity:
    """The entity of a number, or a mention that is none of the entities."""
    if isinstance(record.get(key), dict):
        return _entity(record[key], example, f"{where}.{key}")
    index, entities = required(record, key, int, where), example.entities
    if not 0 <= index < len(entities):
        expected = f"the number of an entity, 0 to {len(entities) - 1}" if entities else "no relation without entities"
        raise BadRecord(f"{where}.{key}: expected {expected}, got {index}")
    return entities[index]


def _relation_to_json(example: Example, relation: Relation, numbers: dict[Entity, int]) -> dict[str, Any]:
    head, tail = (
        numbers[argument] if argument in numbers else _entity_to_json(example, argument)
        for argument in (relation.head, relation.tail)
    )
    return _without_none(head=head, type=relation.type, tail=tail, score=relation.score)


def _entity_to_json(example: Example, entity: Entity) -> dict[str, Any]:
    characters = example.characters(entity)
    return _without_none(
        start=entity.start,
        end=entity.end,
        type=entity.type,
        text=entity.text or _slice(example, entity) or example.mention_text(entity),
        score=entity.score,
        characters=characters and list(characters),
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
