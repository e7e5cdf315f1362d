"""GraphRel (Fu et al. 2019, ACL): text as relational graphs. The Bi-RNN and the GCN of phase 1 are the encoder."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace, Vocabulary
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.head import NOT_LOCATED, UNKNOWN, UNTAGGED, Encode, Head, HeadOutput, Limit, Targets, prediction
from relx.heads.pair_scorers.scorer import TableCells
from relx.heads.pair_scorers.scorers import DecomposedPairScorer
from relx.heads.schemes.entities import EntityTypes
from relx.heads.schemes.limits import Cell, limits_of_sums
from relx.heads.schemes.tags import EntityTags, best_tags, gold_logits, tagging_loss
from relx.registry import Injected

LABELLED = "a pair of its tokens already has another relation"


class TokenPairTable:
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


# A word sends no message along a relation if all of its chances are below this.
NEGLIGIBLE = 1e-7
# Above this share of messages, all of them at once are faster than those that count (measured on one core).
MANY = 0.4
# Few pairs have a relation. With this lead of the label "no relation", all 170 relations of WebNLG* together start at
# a chance of 0.8 % a pair, near their share of 0.4 % of the data.
NULL_LEAD = 10.0


class Phase(nn.Module):
    """What a phase predicts of its words: entity tags, by an LSTM over them, and labels of pairs, by their parts.

    The score of a pair is W_3 relu(W_1 h + W_2 h'), + being concatenation. The label "no relation" starts
    ``NULL_LEAD`` above the others.
    """

    def __init__(self, size: int, tags: int, labels: int) -> None:
        super().__init__()
        self.lstm = LSTMEncoder(size, size, bidirectional=False)
        self.tagger = nn.Linear(size, tags)
        self.pair_scorer = DecomposedPairScorer(size, labels, bias=0.0)
        nn.init.constant_(self.pair_scorer.head_output.bias[0], NULL_LEAD)

    def forward(self, words: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, length, size] -> logits of tags [batch, length, tags], of pairs [batch, length, length, labels]."""
        return self.tagger(self.lstm(words, mask)), self.pair_scorer(words)


class RelationGraphs(nn.Module):
    """A graph convolution over one complete graph for each relation, an edge as heavy as its relation is likely.

    h_u + relu(sum over v and r of P_r(u, v) (W_r h_v + b_r)), one half of the features along the edges and the other
    against them. [batch, length, size] -> the same. Raises ValueError for an odd ``size``.
    """

    def __init__(self, size: int, relations: int) -> None:
        super().__init__()
        if size % 2:
            raise ValueError(f"the encoder gives {size} features; the two directions of phase 2 need an even number")
        self.along = nn.Linear(size, relations * size // 2)
        self.against = nn.Linear(size, relations * size // 2)

    def forward(self, words: Tensor, chances: Tensor, mask: Tensor) -> Tensor:
        """``chances`` P [batch, length, length, relations] of each ordered pair, ``mask`` [batch, length].

        The message W_r h_v + b_r is left out where P_r(u, v) is below ``NEGLIGIBLE`` for every u.
        """
        edges = chances * _pairs(mask).unsqueeze(-1)
        heard = (_heard(edges, words, self.along), _heard(edges.transpose(1, 2), words, self.against))
        return words + torch.cat(heard, dim=-1).relu()


@Head.register("graphrel")
class GraphRel(Head):
    """Tags of entities and a label for each pair of words; the second phase predicts them anew, from better words.

    Its words have been through a graph for each relation, weighed by what the first phase predicts. ``phases=1`` does
    without it. The loss of the second phase counts ``second_weight`` times (alpha), and a pair that has a relation
    ``relation_weight`` times as much as one that has none. ``threshold`` is the share of the pairs of tokens of two
    entities that have to be found. ``dropout`` acts on the words of each phase.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        phases: Literal[1, 2] = 2,
        second_weight: float = 3.0,
        relation_weight: float = 1.0,
        threshold: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if second_weight <= 0 or relation_weight <= 0:
            raise ValueError("second_weight and relation_weight must be above 0")
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold is {threshold}; it must be from 0 to below 1")
        relations = vocabulary.relations()
        self.entity_tags = EntityTags(EntityTypes(vocabulary, None))
        self.pair_blocks = TokenPairTable(relations, threshold)
        self.second_weight = second_weight
        self.relation_weight = relation_weight
        self.dropout = nn.Dropout(dropout)
        tags, labels = self.entity_tags.scheme.size, 1 + len(relations)
        self.first = Phase(input_dim, tags, labels)
        self.graphs = RelationGraphs(input_dim, len(relations)) if phases == 2 else None
        self.second = Phase(input_dim, tags, labels) if phases == 2 else None

    def targets(self, example: Example) -> Targets:
        """``entity_tags`` [length] and ``relation_cells`` [pairs, 3]: relation from 1, token of head, of tail."""
        tags = self.entity_tags.write(example)
        cells, lost = self.pair_blocks.write(example, self.entity_tags.read(tags.tolist(), [1.0] * len(tags)))
        return Targets({"entity_tags": tags, "relation_cells": cells}, lost)

    def limits(self, held: Example) -> list[Limit]:
        """Those of the pair scorer, a sum. With a ``threshold`` above 0 a wrong label need not be a wrong triple."""
        if not self.first.pair_scorer.is_sum or self.pair_blocks.threshold > 0:
            return []
        tables: dict[str, dict[Cell, Relation]] = defaultdict(dict)
        for relation in held.relations:
            tables[relation.type][relation.head.span, relation.tail.span] = relation
        related = {cell for table in tables.values() for cell in table}
        return limits_of_sums(tables.values(), lambda cell: cell not in related)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Logits of the last phase, ``entity`` [batch, length, tags] and ``relation`` [batch, length, length,
        1 + relations] with number 0 for none, and those of the first, ``first_entity`` and ``first_relation``."""
        words = self.dropout(encode(batch))
        entity, relation = self.first(words, batch.mask)
        if self.graphs is None or self.second is None:
            return {"entity": entity, "relation": relation}
        better = self.dropout(self.graphs(words, relation.softmax(dim=-1)[..., 1:], batch.mask))
        scores = dict(zip(("entity", "relation"), self.second(better, batch.mask), strict=True))
        return {**scores, "first_entity": entity, "first_relation": relation}

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Cross entropies of tags and pairs, of both phases, summed over a sentence, averaged over sentences."""
        last = self._loss(scores["entity"], scores["relation"], batch)
        if "first_entity" not in scores:
            return last
        return self._loss(scores["first_entity"], scores["first_relation"], batch) + self.second_weight * last

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """The tagged entities, and the relations that the labels of their tokens' pairs make."""
        best, labels = scores["relation"].max(dim=-1)
        probs = (best - scores["relation"].logsumexp(dim=-1)).exp()
        return self.read(scores["entity"], labels, probs, batch)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the target tags and the target labels of pairs."""
        tags = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        labels = _labels(batch["relation_cells"], batch.mask)
        return self.read(tags, labels, torch.ones_like(labels, dtype=torch.float), batch)

    def read(self, tag_logits: Tensor, labels: Tensor, probs: Tensor, batch: Batch) -> list[Example]:
        """Make entities of the best tags, and relations of the labels [batch, length, length] of their tokens."""
        entities = list(map(self.entity_tags.read, *best_tags(tag_logits, batch.mask)))
        found = ((labels > 0) & _pairs(batch.mask)).nonzero(as_tuple=True)
        cells: list[list[tuple[int, int, int, float]]] = [[] for _ in batch.examples]
        for sentence, *cell in zip(*(of.tolist() for of in (*found, labels[found], probs[found])), strict=True):
            cells[sentence].append(tuple(cell))
        return list(map(prediction, batch.examples, entities, map(self.pair_blocks.read, cells, entities)))

    def _loss(self, entity: Tensor, relation: Tensor, batch: Batch) -> Tensor:
        labels = _labels(batch["relation_cells"], batch.mask)
        losses = F.cross_entropy(relation.flatten(0, 2), labels.flatten(), reduction="none").view(labels.shape)
        weights = torch.where(labels > 0, self.relation_weight, 1.0) * _pairs(batch.mask)
        return tagging_loss(entity, batch["entity_tags"], batch.mask) + (losses * weights).sum() / len(batch)


def _labels(gold: Tensor, mask: Tensor) -> Tensor:
    """TableCells (relation from 1, head, tail) [batch, most cells, 3] -> the label of each pair, [batch, length,
    length].
    """
    cells = TableCells.unpadded(gold)
    labels = gold.new_zeros(*mask.shape, mask.shape[1])
    labels[cells.sentence, cells.head, cells.tail] = cells.relation + 1
    return labels


def _pairs(mask: Tensor) -> Tensor:
    return mask.unsqueeze(2) & mask.unsqueeze(1)


def _heard(edges: Tensor, words: Tensor, layer: nn.Linear) -> Tensor:
    """Sum P_r(u, v) (W_r h_v + b_r) over v and r: edges [batch, u, v, relations], words [batch, v, size]
    -> [batch, u, size / 2].

    Once the first phase has learnt a little, most messages are negligible. The others are then made relation by
    relation, and added up sentence by sentence.
    """
    relations, size = edges.shape[-1], words.shape[-1]
    kept = edges.detach().amax(dim=1) >= NEGLIGIBLE  # [batch, v, relations]
    if words.is_cuda or kept.sum() >= MANY * kept.numel():
        return edges.flatten(2) @ layer(words).view(len(words), words.shape[1] * relations, size // 2)
    relation, sentence, v = kept.permute(2, 0, 1).nonzero(as_tuple=True)
    h = words.flatten(0, 1).index_select(0, sentence * words.shape[1] + v)  # [messages, size]
    of_relation = zip(
        h.split(kept.sum(dim=(0, 1)).tolist()),
        layer.weight.view(relations, -1, size).unbind(),
        layer.bias.view(relations, -1).unbind(),
        strict=True,
    )
    order = sentence.argsort(stable=True)
    counts = kept.sum(dim=(1, 2)).tolist()
    messages = torch.cat([F.linear(*parts) for parts in of_relation]).index_select(0, order).split(counts)
    columns = (v * relations + relation).index_select(0, order).split(counts)
    of_sentence = zip(edges.flatten(2).unbind(), columns, messages, strict=True)
    return torch.stack([p.index_select(1, column) @ message for p, column, message in of_sentence])
