"""What heads that tag entities and score pairs of tokens share: targets, loss, decoding, oracle."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.sizes import require_inner_shares
from relx.data.vocabulary import Vocabulary
from relx.heads.entity_tags import EntityTags, EntityTypes
from relx.heads.head import Head, Scores, Targets
from relx.heads.limits import Cell, Limit, limits_of_sums
from relx.heads.pair_cells import Anchor, PairCells
from relx.heads.pair_scorers import Cells, PairScorer
from relx.heads.prediction import prediction
from relx.heads.tagging import best_tags, certain, tagging_loss


class PairTaggingHead(Head):
    """Scores ``entity``, tag logits [batch, length, tags], and ``relation``, what the pair scorer is to read.

    No table of pairs stands among the scores: the scorer makes what is asked of it from [batch, length, d].
    """

    pair_scorer: PairScorer

    def set_scheme(self, vocabulary: Vocabulary, anchor: Anchor, allow_self: bool, threshold: float) -> None:
        """What is tagged, and which cells are triples. Raises ValueError for a threshold that is no probability."""
        require_inner_shares(threshold=threshold)
        relations = vocabulary.namespace("relations", lambda example: (r.type for r in example.relations))
        self.entity_tags = EntityTags(EntityTypes(vocabulary, None))
        self.pair_cells = PairCells(relations, anchor, allow_self)
        self.threshold = threshold

    def targets(self, example: Example) -> Targets:
        """``entity_tags`` [length] and ``relation_cells`` [cells, 3]: relation from 1, head, tail."""
        tags = self.entity_tags.write(example)
        tagged = self.entity_tags.read(tags.tolist(), [1.0] * len(tags))
        cells, lost = self.pair_cells.write(example, tagged)
        return Targets({"entity_tags": tags, "relation_cells": cells}, lost)

    def limits(self, held: Example) -> list[Limit]:
        """Those of a pair scorer that is a sum. Every other pair of tokens that is returned is a wrong triple."""
        if not self.pair_scorer.is_sum:
            return []
        tables: dict[str, dict[Cell, Relation]] = defaultdict(dict)
        for relation in held.relations:
            tables[relation.type][self.pair_cells.tokens(relation)] = relation
        return limits_of_sums(tables.values(), lambda cell: self.pair_cells.allow_self or cell[0] != cell[1])

    def loss(self, scores: Scores, batch: Batch) -> Tensor:
        """Cross entropies of tags and of pairs, each summed over its sentence, averaged over sentences."""
        pairs = self.pair_scorer.loss(scores["relation"], batch.mask, batch["relation_cells"])
        return tagging_loss(scores["entity"], batch["entity_tags"], batch.mask) + pairs / len(batch)

    def decode(self, scores: Scores, batch: Batch) -> list[Example]:
        """A cell that reaches the threshold is a triple; its mentions have the extent of the predicted entities."""
        entities = list(map(self.entity_tags.read, *best_tags(scores["entity"], batch.mask)))
        return list(map(prediction, batch.examples, entities, self._relations(scores, batch, entities)))

    def oracle(self, batch: Batch) -> Scores:
        """Logits that leave no doubt of the target tags, and the target cells in place of vectors to score."""
        return {"entity": certain(batch["entity_tags"], self.entity_tags.scheme.size), "cells": batch["relation_cells"]}

    def _relations(self, scores: Scores, batch: Batch, entities: Sequence[list[Entity]]) -> list[list[Relation]]:
        extents = list(map(self.pair_cells.by_anchor, entities))
        found: list[list[Relation]] = [[] for _ in batch.examples]
        cells, probabilities = self._cells(scores, batch)
        for sentence, head, tail, relation, score in zip(*map(Tensor.tolist, (*cells, probabilities)), strict=True):
            if head != tail or self.pair_cells.allow_self:
                found[sentence].append(self.pair_cells.read(relation, head, tail, score, extents[sentence]))
        return found

    def _cells(self, scores: Scores, batch: Batch) -> tuple[Cells, Tensor]:
        if "cells" not in scores:
            return self.pair_scorer.above(scores["relation"], batch.mask, self.threshold)
        cells = Cells.unpadded(scores["cells"])
        return cells, torch.ones(len(cells.sentence))
