"""relx's own JSON form of an Example: one for gold data and for predictions, in and out.

``docs/formats.md`` describes it. Reading what was written gives an equal Example.
"""

from collections.abc import Sequence
from typing import Any

from relx.annotators.tokenizers.tokenizer import Tokenizer, split_tokens, visible_part
from relx.data.alignment import places_of_words, same_words, token_span
from relx.data.example import Entity, Example, Relation, text_and_offsets
from relx.data.json_validation import (
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
from relx.registry import suggestion
from relx.utils.text import json_text

KEYS = ("id", "text", "tokens", "offsets", "entities", "relations", "pos_tags", "heads", "deprels", "meta")
LONGEST_TEXT, LONGEST_SENTENCE = 10_000_000, 1_000_000  # characters and tokens of a record: beyond it is no sentence
ENTITY_KEYS = ("id", "start", "end", "type", "text", "score", "characters")
# The labels and marks of other forms: a record that has one is not of this form.
FOREIGN = frozenset(
    ("sentext", "triple_list", "sentText", "relationMentions", "spo_list", "spo_details", "sentences", "ner", "orig_id")
)
# An unknown key as like a known one as this is taken for a mistake; any other is kept under meta.
MISSPELT = 0.75
RELATION_KEYS = ("head", "type", "tail", "score", "unseen")


def example_from_json(record: Any, tokenizer: Tokenizer | None = None) -> Example:
    """Return the Example that a JSON value describes. The tokenizer splits a record without tokens.

    Raises BadRecord, which says what was expected, for a value that does not have relx's form.
    """
    record = checked(tokenized([record], tokenizer)[0], dict, "record")
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
    """Return the JSON form of an Example; omit missing fields, except entities and relations."""
    numbers = {entity: i for i, entity in reversed(list(enumerate(example.entities)))}
    return without_none(
        id=example.id,
        text=example.text,
        tokens=example.tokens,
        offsets=example.offsets and [list(offset) for offset in example.offsets],
        entities=[_entity_to_json(example, entity) for entity in example.entities],
        relations=[_relation_to_json(example, relation, numbers) for relation in example.relations],
        pos_tags=example.pos_tags,
        heads=example.dependency_heads,
        deprels=example.deprels,
        meta=example.meta,
    )


def tokenized(records: Sequence[Any], tokenizer: Tokenizer | None) -> list[Any]:
    """Return the records; the tokenizer adds tokens to those with only text, in one call for all texts."""
    bare = [i for i, record in enumerate(records) if _has_only_text(record) and len(record["text"]) <= LONGEST_TEXT]
    if tokenizer is None or not bare:
        return list(records)
    completed = list(records)
    for i, tokens in zip(bare, tokenizer.tokenize([records[i]["text"] for i in bare]), strict=True):
        if tokenizer.split_at_mentions:
            tokens = split_tokens(records[i]["text"], tokens, _mention_boundaries(records[i]))
        completed[i] = {**records[i], "tokens": tokens.words, "offsets": [list(offset) for offset in tokens.offsets]}
    return completed


def to_line(record: dict[str, Any]) -> str:
    """Return a record as one line of JSON, without a newline."""
    return json_text(record)


def _mention_boundaries(record: dict[str, Any]) -> list[int]:
    """Return the start and end characters of the mentions of a record; skip malformed ones."""
    entities = record["entities"] if isinstance(record.get("entities"), list) else []
    places = (entity.get("characters") for entity in entities if isinstance(entity, dict))
    return [place for pair in places if isinstance(pair, list) for place in pair if type(place) is int]


def _has_only_text(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("text"), str) and record.get("tokens") is None


def _sentence(record: dict[str, Any]) -> Example:
    meta, text = _meta(record), optional(record, "text", str)
    if text is not None and len(text) > LONGEST_TEXT:
        raise BadRecord(f"text: {len(text):,} characters, more than {LONGEST_TEXT:,}; divide it into several records")
    if _has_only_text(record):
        raise BadRecord("tokens: missing; text alone needs a tokenizer")
    tokens = items(record, "tokens", str)
    if len(tokens) > LONGEST_SENTENCE:
        raise BadRecord(f"tokens: {len(tokens):,}, more than {LONGEST_SENTENCE:,}; divide them into sentences")
    for i, token in enumerate(tokens):
        if not token.strip():
            raise BadRecord(f"tokens[{i}]: expected a word, got {shown(token)}")
    heads = _heads(record, len(tokens))
    deprels = one_each(optional_items(record, "deprels", str), "deprels", len(tokens))
    if deprels is not None and heads is None:
        raise BadRecord("deprels: need heads")
    return Example(
        tokens,
        text=text,
        offsets=_offsets(record, text, len(tokens)),
        pos_tags=one_each(optional_items(record, "pos_tags", str), "pos_tags", len(tokens)),
        dependency_heads=heads,
        deprels=deprels,
        id=record_id(record, "id"),
        meta=meta,
    )


def record_id(record: dict[str, Any], key: str, where: str = "") -> str | None:
    """Return the id of a record as a string, converting integers; None if it is absent or null. Raises BadRecord."""
    value = record.get(key)
    if value is not None and type(value) not in (str, int):
        raise BadRecord(f"{f'{where}.' if where else ''}{key}: expected a string or a whole number, got {shown(value)}")
    return None if value is None else str(value)


def _meta(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record's ``meta`` merged with its unknown keys. Raises BadRecord for a key that looks misspelled."""
    meta, further = optional(record, "meta", dict), {key: record[key] for key in record if key not in KEYS}
    for key, value in further.items():
        misspelt = suggestion(key, KEYS, MISSPELT)
        if misspelt or key in FOREIGN:
            raise BadRecord(f"{key}: unknown key{misspelt}")
        if meta is not None and meta.get(key, value) != value:
            raise BadRecord(f"{key}: relx keeps unknown keys under meta, which has another value of that name")
    return {**(meta or {}), **further} if further else meta


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
        raise BadRecord("offsets: need text")
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
        optional(record, "score", float, where), id=record_id(record, "id", where),
    )  # fmt: skip
    if record.get("start") is not None or record.get("end") is not None:
        return _at_tokens(entity, record, example, where)
    if record.get("characters") is not None:
        return _at_characters(entity, record["characters"], example, where)
    if not entity.text:
        raise BadRecord(f"{where}: expected start and end (tokens), characters, or at least the text of the mention")
    return entity


def _at_tokens(entity: Entity, record: dict[str, Any], example: Example, where: str) -> Entity:
    start, end = required(record, "start", int, where), required(record, "end", int, where)
    try:
        check_span(start, end, len(example), "tokens", where)
    except BadRecord as error:
        raise BadRecord(f"{error}{_characters_meant(entity, start, end, example)}") from None
    located = entity._replace(start=start, end=end)
    given = record.get("characters")
    if given is None or example.text is None or example.offsets is None:
        return _with_own_words(located, example, where)
    place = visible_part(example.text, *_characters(given, example.text, f"{where}.characters"))
    if place == example.characters(located):
        return _with_own_words(located, example, where)
    if token_span(example.offsets, *place) != (start, end):
        raise BadRecord(
            f"{where}.characters: {list(place)} are {shown(example.text[slice(*place)])}, but tokens {start} to {end} "
            f"are at {list(example.characters(located) or ())} and are {shown(example.token_text(located))}"
        )
    return _part(located, place, example, where)


def _at_characters(entity: Entity, given: Any, example: Example, where: str) -> Entity:
    if example.text is None or example.offsets is None:
        raise BadRecord(f"{where}.characters: need text, and tokens with offsets or none (a tokenizer makes them)")
    start, end = _characters(given, example.text, f"{where}.characters")
    tokens = token_span(example.offsets, start, end)
    if tokens is None:
        mention = shown(example.text[start:end])
        raise BadRecord(f"{where}.characters: there is no token at {start} to {end}, {mention}")
    place = visible_part(example.text, start, end)
    located = entity._replace(start=tokens[0], end=tokens[1])
    part = _part(located, place, example, where)
    return located._replace(text=None) if place == example.characters(located) else part


def _part(located: Entity, place: tuple[int, int], example: Example, where: str) -> Entity:
    """Return a mention at these characters, with the words of the text there."""
    words = (example.text or "")[slice(*place)]
    if located.text and located.text.split() != words.split():
        raise BadRecord(
            f"{where}.text: {shown(located.text)}, but characters {place[0]} to {place[1]} are {shown(words)}"
        )
    return located._replace(text=" ".join(words.split()), characters=place)


def _with_own_words(entity: Entity, example: Example, where: str) -> Entity:
    """Return a mention at its tokens; keep its ``text`` only if its spelling differs or it covers part of the tokens.

    Raises BadRecord if the text contradicts the tokens.
    """
    plain, tokens = entity._replace(text=None), example.token_text(entity)
    if not entity.text or entity.text in (tokens, _slice(example, plain)):
        return plain
    if same_words(entity.text, tokens):
        return entity
    text, offsets = text_and_offsets(example)
    places = places_of_words(entity.text, text, offsets, entity.span)
    if not places:
        start, end = entity.span
        hint = _characters_meant(entity, start, end, example)
        raise BadRecord(f"{where}.text: {shown(entity.text)}, but tokens {start} to {end} are {shown(tokens)}{hint}")
    return entity._replace(characters=places[0]) if example.offsets is not None and len(places) == 1 else entity


def _characters_meant(entity: Entity, start: int, end: int, example: Example) -> str:
    """Return the hint to add to a message about tokens if start and end seem to count characters."""
    if example.text is None or not 0 <= start < end <= len(example.text):
        return ""
    words = example.text[start:end]
    if entity.text and entity.text.split() != words.split():
        return ""
    return f'; start and end count tokens, and characters {start} to {end} are {shown(words)}: give "characters"'


def _slice(example: Example, entity: Entity) -> str | None:
    characters = example.characters(entity)
    return None if characters is None or example.text is None else example.text[slice(*characters)]


def _relation(record: dict[str, Any], example: Example, where: str) -> Relation:
    only_keys(record, RELATION_KEYS, where)
    head, tail = (_argument(record, key, example, where) for key in ("head", "tail"))
    score, unseen = optional(record, "score", float, where), optional(record, "unseen", bool, where)
    return Relation(head, required(record, "type", str, where), tail, score, unseen or False)


def _argument(record: dict[str, Any], key: str, example: Example, where: str) -> Entity:
    """Return the entity with the given number, or a mention that is not in the list of entities."""
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
    return without_none(
        head=head, type=relation.type, tail=tail, score=relation.score, unseen=relation.unseen or None
    )  # fmt: skip


def _entity_to_json(example: Example, entity: Entity) -> dict[str, Any]:
    characters = example.characters(entity)
    return without_none(
        id=entity.id,
        start=entity.start,
        end=entity.end,
        type=entity.type,
        text=entity.text or _slice(example, entity) or example.mention_text(entity),
        score=entity.score,
        characters=characters and list(characters),
    )


def without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {key: value for key, value in fields.items() if value is not None}
