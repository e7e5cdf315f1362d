"""What forms of typed mentions with a place can hold of a sentence."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from relx.data.example import Example
from relx.errors import DataError

logger = logging.getLogger(__name__)


def held(examples: Iterable[Example], path: str | Path) -> Iterator[Example]:
    """The sentences without mentions that have no place and their relations; how many these are is logged.

    The arguments of the relations are among the entities, each once. Raises DataError for a mention without a type.
    """
    mentions = relations = 0
    for number, example in enumerate(examples, 1):
        kept = _located(example)
        _require_types(kept, f"{path}: sentence {number}")
        mentions += sum(not entity.located for entity in example.entities)
        relations += len(example.relations) - len(kept.relations)
        yield kept
    counts = ((mentions, "mentions without a place"), (relations, "relations with an argument without a place"))
    if lost := " and ".join(f"{count} {what}" for count, what in counts if count):
        logger.warning("%s: left out, since the form cannot hold them: %s", path, lost)


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
