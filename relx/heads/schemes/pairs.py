"""Relations as cells of a table: relation type x token that stands for the head x token that stands for the tail."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.head import NOT_LOCATED, SHARED, UNKNOWN, UNTAGGED

Anchor = Literal["first", "last"]

SELF = "head and tail have the same anchor token"


class AnchorTable:
    """An entity of a relation is told by its first or last token, its ``anchor``, and has the extent of its tags.

    ``allow_self`` says whether head and tail may be told by the same token: without it such relations are neither
    learnt nor read. The diagonal stays in the table all the same.
    """

    def __init__(self, relations: Namespace, anchor: Anchor, allow_self: bool) -> None:
        self.relations = relations
        self.anchor = anchor
        self.allow_self = allow_self

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """The cells (relation from 1, head, tail) of a sentence, [cells, 3], and the relations that are not held.

        ``tagged`` are the entities whose extent the sentence's tags hold. A cell is learnt also where it cannot tell
        the extent of both mentions.
        """
        cells: dict[tuple[int, int, int], None] = {}
        lost, extents = [], self.by_anchor(tagged)
        for relation in example.relations:
            cell = self.cell(relation)
            cause = cell if isinstance(cell, str) else self._loss_of_extent(relation, extents)
            if not isinstance(cell, str):
                cells.setdefault(cell)
            if cause is not None:
                lost.append((relation, cause))
        return np.array(list(cells), dtype=np.int32).reshape(-1, 3), lost

    def read(self, relation: int, head: int, tail: int, score: float, extents: Mapping[int, Entity]) -> Relation:
        """The relation that a cell tells; a token without an entity in ``extents`` is a mention by itself."""
        mentions = [extents.get(token) or Entity(token, token + 1, score=score) for token in (head, tail)]
        return Relation(mentions[0], self.relations[relation], mentions[1], score)

    def cell(self, relation: Relation) -> tuple[int, int, int] | str:
        """The cell of a relation, or why it has none."""
        if not relation.located:
            return NOT_LOCATED
        number = self.relations.get(relation.type)
        if number is None:
            return UNKNOWN
        head, tail = self.tokens(relation)
        return SELF if head == tail and not self.allow_self else (number + 1, head, tail)

    def tokens(self, relation: Relation) -> tuple[int, int]:
        """The tokens that tell head and tail of a located relation."""
        return self._anchor_of(relation.head), self._anchor_of(relation.tail)

    def by_anchor(self, entities: Iterable[Entity]) -> dict[int, Entity]:
        """Entities by the token that tells them."""
        return {self._anchor_of(entity): entity for entity in entities}

    def _loss_of_extent(self, relation: Relation, extents: Mapping[int, Entity]) -> str | None:
        for mention in (relation.head, relation.tail):
            anchor = self._anchor_of(mention)
            told = extents[anchor].span if anchor in extents else (anchor, anchor + 1)
            if told != mention.span:
                return SHARED if anchor in extents else UNTAGGED
        return None

    def _anchor_of(self, entity: Entity) -> int:
        start, end = entity.span
        return start if self.anchor == "first" else end - 1
