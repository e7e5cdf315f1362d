"""Relations as one label for each pair of tokens: all tokens of the head with all of the tail (GraphRel)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.joint_tags import NOT_LOCATED, UNKNOWN
from relx.heads.pair_cells import UNTAGGED

LABELLED = "a pair of its tokens already bears another relation"


class PairBlocks:
    """A pair of tokens has one label, the first relation of the data that holds between them.

    Two entities have a relation if more than ``threshold``, a share, of the pairs of their tokens bear its label; with
    the threshold 0, one pair is enough (Fu et al. 2019, threshold prediction).
    """

    def __init__(self, relations: Namespace, threshold: float) -> None:
        self.relations = relations
        self.threshold = threshold

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """The labelled pairs (relation from 1, head, tail) of a sentence, [pairs, 3], and the relations not held.

        ``tagged`` are the entities whose extent the sentence's tags hold.
        """
        labels: dict[tuple[int, int], int] = {}
        lost, extents = [], {entity.span for entity in tagged}
        for relation in example.relations:
            cause = self._write(relation, labels)
            if cause is None and not {relation.head.span, relation.tail.span} <= extents:
                cause = UNTAGGED
            if cause is not None:
                lost.append((relation, cause))
        cells = [(label, head, tail) for (head, tail), label in labels.items()]
        return np.array(cells, dtype=np.int32).reshape(-1, 3), lost

    def read(self, cells: Iterable[tuple[int, int, int, float]], entities: Sequence[Entity]) -> list[Relation]:
        """Labelled pairs (head, tail, relation from 1, score) -> relations of these entities, which do not overlap."""
        owner = {token: entity for entity in entities for token in range(*entity.span)}
        scores: dict[tuple[Entity, int, Entity], list[float]] = defaultdict(list)
        for head, tail, label, score in cells:
            if head in owner and tail in owner:
                scores[owner[head], label - 1, owner[tail]].append(score)
        return [
            Relation(head, self.relations[relation], tail, sum(found) / len(found))
            for (head, relation, tail), found in scores.items()
            if len(found) > self.threshold * _size(head) * _size(tail)
        ]

    def _write(self, relation: Relation, labels: dict[tuple[int, int], int]) -> str | None:
        """Label a relation's pairs; the cause if that is not possible."""
        if not relation.located:
            return NOT_LOCATED
        number = self.relations.get(relation.type)
        if number is None:
            return UNKNOWN
        block = {(i, j): number + 1 for i in range(*relation.head.span) for j in range(*relation.tail.span)}
        if any(labels.get(pair, label) != label for pair, label in block.items()):
            return LABELLED
        labels.update(block)
        return None


def _size(entity: Entity) -> int:
    start, end = entity.span
    return end - start
