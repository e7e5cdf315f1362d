"""What forms of typed mentions with a place can hold of a sentence."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from relx.data.alignment import Span, places_of_words
from relx.data.example import Entity, Example, text_and_offsets
from relx.errors import DataError, Faults

logger = logging.getLogger(__name__)

LEFT_OUT, CHANGED = "left out, because the form cannot hold them", "changed, because the form cannot hold them"


def held(examples: Iterable[Example], path: str | Path, holds_characters: bool = False) -> Iterator[Example]:
    """Yield the sentences as a form can hold them; log the number of losses and changes of each kind.

    Mentions without a position are dropped, together with their relations. The arguments of relations are added to the
    entities, each once. In a form without characters, the whole tokens replace mentions that cut them. Raises
    DataError, after the last sentence, for all mentions without a type.
    """
    left_out: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    faults = Faults()
    for number, example in enumerate(examples, 1):
        kept = _located(example)
        with faults.gathered():
            _require_types(kept, f"{path}: sentence {number}")
        left_out["mentions without a place"] += sum(not entity.located for entity in example.entities)
        left_out["relations with an argument without a place"] += len(example.relations) - len(kept.relations)
        changed["arguments that are not entities, written as entities"] += len(
            set(kept.entities) - set(example.entities)
        )
        if holds_characters:
            text, offsets = text_and_offsets(kept)
            widened = [entity for entity in kept.entities if _is_spelled_otherwise(entity, text, offsets)]
            changed["mentions whose own words are not in their tokens exactly once, written as their tokens"] += len(
                widened
            )
            changed["texts in which the tokens have no place, written as their tokens"] += text != (kept.text or text)
        else:
            cut = [entity for entity in kept.entities if kept.cuts_token(entity)]
            places = {(*entity.span, entity.type) for entity in kept.entities}
            changed["mentions that cut a token, written as whole tokens"] += len(cut)
            changed["mentions at one place, written as one"] += len(kept.entities) - len(places)
        yield kept
    faults.raise_any()
    for what, counts in ((LEFT_OUT, left_out), (CHANGED, changed)):
        if lost := " and ".join(f"{count} {cause}" for cause, count in counts.items() if count):
            logger.warning("%s: %s: %s", path, what, lost)


def with_type(example: Example, type: str) -> Example:
    """Return the example with ``type`` as the type of every mention that has none."""

    def typed(entity: Entity) -> Entity:
        return entity if entity.type is not None else entity._replace(type=type)

    relations = [
        relation._replace(head=typed(relation.head), tail=typed(relation.tail)) for relation in example.relations
    ]
    return replace(example, entities=[typed(entity) for entity in example.entities], relations=relations)


def place_in_text(entity: Entity, text: str, offsets: Sequence[Span]) -> Span:
    """Return the characters of a located mention: its own ones if they are known, else those of its tokens."""
    if entity.characters is not None:
        return entity.characters
    places = _own_places(entity, text, offsets)
    return places[0] if len(places) == 1 else (offsets[entity.span[0]][0], offsets[entity.span[1] - 1][1])


def _own_places(entity: Entity, text: str, offsets: Sequence[Span]) -> list[Span]:
    return places_of_words(entity.text, text, offsets, entity.span) if entity.text else []


def _is_spelled_otherwise(entity: Entity, text: str, offsets: Sequence[Span]) -> bool:
    """Return whether a mention has words of its own, and no place of its own in the text."""
    without_place = entity.text is not None and entity.characters is None
    return without_place and len(_own_places(entity, text, offsets)) != 1


def _located(example: Example) -> Example:
    relations = [relation for relation in example.relations if relation.located]
    arguments = (entity for relation in relations for entity in (relation.head, relation.tail))
    entities = dict.fromkeys(entity for entity in (*example.entities, *arguments) if entity.located)
    return replace(example, entities=list(entities), relations=relations)


def _require_types(example: Example, where: str) -> None:
    for entity in example.entities:
        if entity.type is None:
            words = example.mention_text(entity)
            raise DataError(
                f"{where}: the mention {words!r} has no type; the form needs one (relx convert: --untyped TYPE)"
            )
