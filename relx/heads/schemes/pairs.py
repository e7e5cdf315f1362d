"""Relations as cells of a table: relation type x anchor token of the head x anchor token of the tail."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.head import NOT_LOCATED, SHARED, UNKNOWN, UNTAGGED

Anchor = Literal["first", "last"]

SELF = "head and tail have the same anchor token"


class AnchorTable:
    """Write relations as cells of a table, and read them back.

    One token of an entity, its ``anchor``, represents it in the table; its span is that of its tags. ``allow_self`` is
    whether head and tail may have the same anchor token: without it such relations are neither learned nor read. The
    diagonal stays in the table in both cases.
    """

    def __init__(self, relations: Namespace, anchor: Anchor, allow_self: bool) -> None:
        self.relations = relations
        self.anchor = anchor
        self.allow_self = allow_self

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """Write the cells (relation from 1, head, tail) of a sentence, [cells, 3], and list the relations not held.

        ``tagged`` are the entities that the tags of the sentence hold. A cell is learned also if the spans of its
        mentions are lost.
        """
        cells: dict[tuple[int, int, int], None] = {}
        lost, spans = [], self.spans_by_anchor(tagged)
        for relation in example.relations:
            cell = self.cell(relation)
            cause = cell if isinstance(cell, str) else self._loss_of_span(relation, spans)
            if not isinstance(cell, str):
                cells.setdefault(cell)
            if cause is not None:
                lost.append((relation, cause))
        return np.array(list(cells), dtype=np.int32).reshape(-1, 3), lost

    def read(self, relation: int, head: int, tail: int, prob: float, spans: Mapping[int, Entity]) -> Relation:
        """Make a relation of a cell. A token that is no anchor in ``spans`` is a mention by itself."""
        mentions = [spans.get(token) or Entity(token, token + 1, score=prob) for token in (head, tail)]
        return Relation(mentions[0], self.relations[relation], mentions[1], prob)

    def cell(self, relation: Relation) -> tuple[int, int, int] | str:
        """Find the cell of a relation, or the cause why it has none."""
        if not relation.located:
            return NOT_LOCATED
        index = self.relations.get(relation.type)
        if index is None:
            return UNKNOWN
        head, tail = self.tokens(relation)
        return SELF if head == tail and not self.allow_self else (index + 1, head, tail)

    def tokens(self, relation: Relation) -> tuple[int, int]:
        """Find the anchor tokens of head and tail of a located relation."""
        return self.anchor_of(relation.head), self.anchor_of(relation.tail)

    def spans_by_anchor(self, entities: Iterable[Entity]) -> dict[int, Entity]:
        """Map each anchor token to its entity."""
        return {self.anchor_of(entity): entity for entity in entities}

    def _loss_of_span(self, relation: Relation, spans: Mapping[int, Entity]) -> str | None:
        for mention in (relation.head, relation.tail):
            anchor = self.anchor_of(mention)
            span = spans[anchor].span if anchor in spans else (anchor, anchor + 1)
            if span != mention.span:
                return SHARED if anchor in spans else UNTAGGED
        return None

    def anchor_of(self, entity: Entity) -> int:
        """Return the token that represents an entity."""
        start, end = entity.span
        return start if self.anchor == "first" else end - 1
