"""Find the tokens of a mention that is given by its text.

The rule: a mention occurs at every place where its words equal consecutive tokens. If there is none, accents are
left out on both sides ("Bogotá" in a triple, "Bogota" in the New York Times' text); where there is still none, case is
too (the HRL files lower-case some sentences). The first of the three that finds anything decides. With
``occurrences="first"`` the mention is the first place found; with ``"all"`` it is every one of them, and a relation
holds between each pair of places. A mention that is nowhere is kept without a place.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Literal

from relx.data.alignment import without_accents
from relx.data.example import Entity, Example, Relation
from relx.data.json_validation import BadRecord, shown

Occurrences = Literal["first", "all"]
Span = tuple[int, int]


def locate(tokens: Sequence[str], mention: str) -> list[Span]:
    """Every place of a mention among the tokens, as (start, end); none if it is nowhere."""
    for fold in (str, without_accents, _without_accents_and_case):
        if places := _places(tokens, mention.split(), fold):
            return places
    return []


def mention_text(text: str, where: str) -> str:
    """Return the text if it can name a mention. Raises BadRecord for a text without a word."""
    if not text.strip():
        raise BadRecord(f"{where}: expected the text of a mention, got {shown(text)}")
    return text


class Annotations:
    """Gathers the entities and relations of a sentence, each entity once."""

    def __init__(self, example: Example, occurrences: Occurrences):
        self.example = example
        self.occurrences = occurrences
        self._entities: dict[Entity, None] = {}

    def at(self, start: int, end: int, type: str | None = None) -> Entity:
        """Return the entity at these tokens, and add it to the sentence."""
        return self._add(Entity(start, end, type))

    def named(self, mention: str, type: str | None = None) -> list[Entity]:
        """Return the entities that a text names, and add them: one, or with ``all`` one for each of its places."""
        places = locate(self.example.tokens, mention)
        if not places:
            return [self._add(Entity(None, None, type, mention))]
        chosen = places if self.occurrences == "all" else places[:1]
        return [self._add(self._with_text(Entity(start, end, type), mention)) for start, end in chosen]

    def relate(self, heads: Sequence[Entity], type: str, tails: Sequence[Entity]) -> None:
        """Add a relation for each pair of a head and a tail."""
        self.example.relations.extend(Relation(head, type, tail) for head, tail in product(heads, tails))

    def finished(self) -> Example:
        """Return the sentence, with its entities in the order of the text."""
        self.example.entities = sorted(self._entities, key=lambda e: e.span if e.located else (len(self.example), 0))
        return self.example

    def _with_text(self, entity: Entity, mention: str) -> Entity:
        return entity if self.example.mention_text(entity).split() == mention.split() else entity._replace(text=mention)

    def _add(self, entity: Entity) -> Entity:
        self._entities.setdefault(entity)
        return entity


def _places(tokens: Sequence[str], words: Sequence[str], fold: Callable[[str], str]) -> list[Span]:
    tokens, words = [fold(token) for token in tokens], [fold(word) for word in words]
    size = len(words)
    return [(i, i + size) for i in range(len(tokens) - size + 1) if words and tokens[i : i + size] == words]


def _without_accents_and_case(text: str) -> str:
    return without_accents(text).casefold()
