"""Relations as cells of tables in which a mention is told by its first or its last token, or by one in each of two."""

from collections.abc import Collection
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from relx.data.batch import Arrays
from relx.data.example import Example, Relation
from relx.heads.pair_cells import SHARED, Anchor
from relx.heads.spans import Spans
from relx.heads.spans.spans import best_labels

Tables = Literal["first", "last", "both"]
T = TypeVar("T")


class MentionCells:
    """One table tells a mention by its ``first`` or its ``last`` token; ``both`` are two tables.

    Of several mentions with one token a single table means the most probable one, of equals the first in the text.
    """

    def __init__(self, tables: Tables) -> None:
        self.anchors: tuple[Anchor, ...] = ("first", "last") if tables == "both" else (tables,)
        self.names = {anchor: f"{anchor}_cells" for anchor in self.anchors}

    def token(self, anchor: Anchor, first: T, last: T) -> T:
        """The token that tells a mention from ``first`` to ``last``."""
        return first if anchor == "first" else last

    def write(self, written: Arrays) -> Arrays:
        """The cells of each table, [cells, 3]: relation from 1, head, tail. Read from what ``MentionTriples`` wrote."""
        (_, *ends), (relation, head, tail) = written["entity_spans"].T, written["triples"].T
        tables = {}
        for anchor, name in self.names.items():
            tokens = self.token(anchor, *ends)
            tables[name] = np.unique(np.stack((relation, tokens[head], tokens[tail]), axis=1), axis=0)
        return tables

    def lost(self, example: Example, written: Arrays, known: Collection[Relation]) -> list[tuple[Relation, str]]:
        """The relations, apart from those ``known`` to be lost, whose cell means another mention."""
        if len(self.anchors) > 1:
            return []
        meant: dict[int, tuple[int, int]] = {}
        for _, first, last in written["entity_spans"].tolist():
            meant.setdefault(self.token(self.anchors[0], first, last), (first, last + 1))
        told = set(meant.values())
        others = [relation for relation in example.relations if relation not in known]
        return [(r, SHARED) for r in others if not {r.head.span, r.tail.span} <= told]

    def meant(self, entities: Spans, length: int) -> Tensor:
        """The numbers, in order, of the entities that cells can mean; rows have ``length`` tokens."""
        numbers = torch.arange(len(entities), device=entities.row.device)
        if len(self.anchors) > 1:
            return numbers
        token = self.token(self.anchors[0], entities.start, entities.last)
        return best_labels(replace(entities, label=numbers, start=token, last=token), length).label.sort().values
