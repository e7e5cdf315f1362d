"""Relations as cells of a table: relation type x anchor token of the head x anchor token of the tail."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.spans import TableCells
from relx.data.vocabulary import EntityTypes, Namespace, Vocabulary
from relx.heads.head import (
    NOT_LOCATED,
    SHARED,
    UNKNOWN,
    UNTAGGED,
    Encode,
    Given,
    Head,
    HeadOutput,
    Targets,
    Thresholds,
    prediction,
)
from relx.heads.pair_scorers import PairScorer
from relx.heads.pair_scorers.scorer import probabilities_of_pairs
from relx.heads.schemes.tags import EntityTags, best_tags, gold_logits, tagging_loss
from relx.limits import Limit, tables_of
from relx.utils.argument_checks import require_inner_shares

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


class PairTaggingHead(Head):
    """Share the targets, the loss and the decoding of heads with entity tags and a table of token pairs.

    A subclass makes ``pair_scorer`` in its constructor: ``PairScorer.named("decomposed").build(input_dim=d,
    num_relations=len(self.anchor_table.relations))``. Its ``forward`` computes ``entity``, tag logits [batch, length,
    tags], and ``relation``, the features [batch, length, d] that the pair scorer reads. No table of pairs is among the
    output: the pair scorer computes what the loss and the decoding need, a few sentences at a time.

    Args:
        vocabulary: Gives the relation types and the entity types.
        anchor: Token that represents a mention in the table of pairs.
        allow_self: Whether a relation may hold between mentions with the same anchor token.
        threshold: Least probability of a pair that is returned. Raises ValueError if it is no probability.
    """

    pair_scorer: PairScorer

    def __init__(self, vocabulary: Vocabulary, anchor: Anchor, allow_self: bool, threshold: float) -> None:
        super().__init__()
        require_inner_shares(threshold=threshold)
        self.entity_tags = EntityTags(EntityTypes(vocabulary))
        self.anchor_table = AnchorTable(vocabulary.relations(), anchor, allow_self)
        self.thresholds = Thresholds(relations=threshold)

    def targets(self, example: Example) -> Targets:
        """Write ``entity_tags`` [length] and ``relation_cells`` [cells, 3]: relation from 1, head, tail."""
        tags = self.entity_tags.write(example)
        tagged = self.entity_tags.read(tags.tolist(), [1.0] * len(tags))
        cells, lost = self.anchor_table.write(example, tagged)
        return Targets({"entity_tags": tags, "relation_cells": cells}, lost)

    def limits(self, held: Example) -> list[Limit]:
        """Find the limits of the pair scorer. Every other pair of tokens that it returns is wrong."""
        tables = tables_of(held.relations, self.anchor_table.tokens)
        return self.pair_scorer.limits(tables, lambda cell: self.anchor_table.allow_self or cell[0] != cell[1])

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of the tags of all tokens and of all cells of the table, averaged over sentences.

        RIN, Eq. 12: sum_i -log y_bar_i[tag_i]. Eq. 13: sum_ij -log p_ij for a gold cell, -log(1 - p_ij) for any other.
        Eq. 14 is their sum, over all relations.
        """
        pairs = self.pair_scorer.loss(output["relation"], batch.mask, batch["relation_cells"])
        return tagging_loss(output["entity"], batch["entity_tags"], batch.mask) + pairs / len(batch)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Make a triple of each cell that reaches the threshold; its mentions have the spans of predicted entities."""
        cells, probs = self.pair_scorer.predict(output["relation"], batch.mask, self.thresholds.relations)
        return self.read(output["entity"], cells, probs, batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Read the cells of the anchors of given entities. Entities that share their anchor have the same relations."""
        anchor, allow_self = self.anchor_table.anchor_of, self.anchor_table.allow_self
        pairs = [
            (sentence, head, tail)
            for sentence, given in enumerate(entities)
            for head, tail in product(given, repeat=2)
            if allow_self or anchor(head) != anchor(tail)
        ]
        table = torch.tensor([(row, anchor(head), anchor(tail), 0) for row, head, tail in pairs], dtype=torch.long)
        cells = TableCells(*table.view(-1, 4).to(batch.mask.device).T)
        probs = probabilities_of_pairs(self.pair_scorer, self(batch, encode)["relation"], cells)  # [pairs, relations]
        between: list[list[Relation]] = [[] for _ in entities]
        for pair, relation in (probs >= self.thresholds.relations).nonzero().tolist():
            sentence, head, tail = pairs[pair]
            name = self.anchor_table.relations[relation]
            between[sentence].append(Relation(head, name, tail, probs[pair, relation].item()))
        return between

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold tags and the gold cells."""
        tags = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        cells = TableCells.unpadded(batch["relation_cells"])
        return self.read(tags, cells, torch.ones(len(cells.sentence)), batch)

    def read(self, tag_logits: Tensor, cells: TableCells, probs: Tensor, batch: Batch) -> list[Example]:
        """Make entities of the best tags [batch, length, tags], and a relation of each cell."""
        entities = list(map(self.entity_tags.read, *best_tags(tag_logits, batch.mask)))
        spans = list(map(self.anchor_table.spans_by_anchor, entities))
        relations: list[list[Relation]] = [[] for _ in batch.examples]
        for sentence, head, tail, relation, prob in zip(*map(Tensor.tolist, (*cells, probs)), strict=True):
            if head != tail or self.anchor_table.allow_self:
                found = self.anchor_table.read(relation, head, tail, prob, spans[sentence])
                relations[sentence].append(found)
        return list(map(prediction, batch.examples, entities, relations))
