"""GraphRel, text as relational graphs (Fu et al. 2019, ACL). The Bi-RNN and the GCN of phase 1 are the encoder."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import EntityTypes, Namespace, Vocabulary
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.heads.head import (
    NOT_LOCATED,
    UNKNOWN,
    UNTAGGED,
    Encode,
    Given,
    Head,
    HeadOutput,
    Targets,
    prediction,
    table_cost,
)
from relx.heads.schemes.tags import EntityTags, best_tags, gold_logits, tagging_loss
from relx.limits import Limit, Outcome, limit_of_labels, limits_of_sums, spans_of, tables_of
from relx.registry import Injected
from relx.utils.argument_checks import require_effect

LABELED = "a pair of its tokens already has another relation"

# Few pairs have a relation. With this lead of the label "no relation", all 170 relations of WebNLG* together start at
# a probability of 0.8 % a pair, near their share of 0.4 % of the data.
NULL_LEAD = 10.0

# A word sends no message along a relation if all of its probabilities are below this.
NEGLIGIBLE = 1e-7
# Above this share of messages, all of them at once are faster than those that count (measured on one core).
MANY = 0.4


class Phase(nn.Module):
    """Predict entity tags, with an LSTM over the words, and labels of pairs of words.

    The logits of a pair are S(w, r, w') = W_3 relu(W_1 h_w + W_2 h_w'), with + being concatenation: a part of the head
    plus a part of the tail. The label 0, "no relation", starts ``NULL_LEAD`` above the others.
    """

    def __init__(self, size: int, tags: int, labels: int) -> None:
        super().__init__()
        lstm = Seq2SeqEncoder.named("lstm", hidden_size=size, bidirectional=False)
        self.lstm = lstm.build(input_dim=size)
        self.tagger = nn.Linear(size, tags)
        self.W_1 = nn.Linear(size, size, bias=False)
        self.W_2 = nn.Linear(size, size, bias=False)
        self.W_3_head = nn.Linear(size, labels)
        self.W_3_tail = nn.Linear(size, labels, bias=False)
        nn.init.zeros_(self.W_3_head.bias)
        nn.init.constant_(self.W_3_head.bias[0], NULL_LEAD)

    def forward(self, h: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, length, size] -> logits of tags [batch, length, tags], of pairs [batch, length, length, labels]."""
        tags = self.tagger(self.lstm(h, mask))
        head = self.W_3_head(torch.relu(self.W_1(h))).unsqueeze(2)  # [batch, length, 1, labels]
        tail = self.W_3_tail(torch.relu(self.W_2(h))).unsqueeze(1)  # [batch, 1, length, labels]
        return tags, head + tail


class RelationGraphs(nn.Module):
    """Pass messages along one complete graph for each relation, weighted by the probabilities of phase 1 (phase 2).

    h_u + relu(sum over v and r of P_r(u, v) (W_r h_v + b_r)), one half of the features along the edges and the other
    against them. ``reference`` computes all messages, ``forward`` those that are not negligible. Raises ValueError for
    an odd ``size``.
    """

    def __init__(self, size: int, relations: int) -> None:
        super().__init__()
        if size % 2:
            raise ValueError(f"the encoder gives {size} features; the two directions of phase 2 need an even number")
        self.along = nn.Linear(size, relations * size // 2)
        self.against = nn.Linear(size, relations * size // 2)

    def reference(self, h: Tensor, P: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, size] and the probabilities P [batch, length, length, relations] -> [batch, length, size]."""
        P = P * _pairs(mask).unsqueeze(-1)
        shape = (*P.shape[:2], P.shape[3], h.shape[2] // 2)
        along, against = (
            self.along(h).view(shape),
            self.against(h).view(shape),
        )  # W_r h_v + b_r, [batch, v, r, size / 2]
        forwards = torch.einsum("buvr,bvrd->bud", P, along)
        backwards = torch.einsum("bvur,bvrd->bud", P, against)
        return h + torch.relu(torch.cat((forwards, backwards), dim=-1))

    def forward(self, h: Tensor, P: Tensor, mask: Tensor) -> Tensor:
        """Compute what ``reference`` says, up to messages whose probabilities are all negligible."""
        P = P * _pairs(mask).unsqueeze(-1)
        sums = (sum_messages(P, h, self.along), sum_messages(P.transpose(1, 2), h, self.against))
        return h + torch.cat(sums, dim=-1).relu()


def sum_messages(edges: Tensor, words: Tensor, layer: nn.Linear) -> Tensor:
    """Compute sum over v and r of P_r(u, v) (W_r h_v + b_r): [batch, u, v, relations], [batch, v, d] -> [batch, u, d'].

    ``layer`` holds W_r and b_r of all relations, [relations * d', d]. Once the first phase has learned a little, most
    messages are negligible. The others are then made relation by relation, and added up sentence by sentence.
    """
    relations, d = edges.shape[-1], words.shape[-1]
    kept = edges.detach().amax(dim=1) >= NEGLIGIBLE  # [batch, v, relations]
    if words.is_cuda or kept.sum() >= MANY * kept.numel():
        messages = layer(words).view(len(words), words.shape[1] * relations, d // 2)
        return edges.flatten(2) @ messages
    relation, sentence, v = kept.permute(2, 0, 1).nonzero(as_tuple=True)
    h = words.flatten(0, 1).index_select(0, sentence * words.shape[1] + v)  # [messages, d]
    of_relation = zip(
        h.split(kept.sum(dim=(0, 1)).tolist()),
        layer.weight.view(relations, -1, d).unbind(),
        layer.bias.view(relations, -1).unbind(),
        strict=True,
    )
    order = sentence.argsort(stable=True)
    counts = kept.sum(dim=(1, 2)).tolist()
    messages = torch.cat([F.linear(*parts) for parts in of_relation]).index_select(0, order).split(counts)
    columns = (v * relations + relation).index_select(0, order).split(counts)
    of_sentence = zip(edges.flatten(2).unbind(), columns, messages, strict=True)
    return torch.stack([p.index_select(1, column) @ message for p, column, message in of_sentence])


@Head.register("graphrel")
class GraphRel(Head):
    """Predict tags of entities and a label for each pair of words, in two phases (GraphRel).

    The second phase predicts again, from words that have passed messages along a graph for each relation, weighted by
    what the first phase predicts. docs/systems/graphrel.md lists what was checked, and the deviations.

    Args:
        input_dim: Size of the encoded tokens. It must be even for two phases.
        vocabulary: Gives the relation types and the entity types.
        phases: Number of phases.
        second_weight: Weight alpha of the loss of the second phase.
        relation_weight: Weight in the loss of a pair that has a relation over one that has none.
        threshold: Share of the token pairs of two entities that must have the label of a relation; 0 asks for one pair.
        dropout: Dropout on the words of each phase.
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
        require_effect(GraphRel, {"phases=1": {"second_weight": second_weight} if phases == 1 else {}})
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold is {threshold}; it must be at least 0 and below 1")
        relations = vocabulary.relations()
        self.entity_tags = EntityTags(EntityTypes(vocabulary))
        self.pair_table = TokenPairTable(relations, threshold)
        self.second_weight = second_weight
        self.relation_weight = relation_weight
        self.dropout = nn.Dropout(dropout)
        tags, labels = self.entity_tags.scheme.size, 1 + len(relations)
        self.first = Phase(input_dim, tags, labels)
        self.graphs = RelationGraphs(input_dim, len(relations)) if phases == 2 else None
        self.second = Phase(input_dim, tags, labels) if phases == 2 else None

    def targets(self, example: Example) -> Targets:
        """Write ``entity_tags`` [length] and ``relation_cells`` [pairs, 3]: relation from 1, token of head, of tail."""
        tags = self.entity_tags.write(example)
        cells, lost = self.pair_table.write(example, self.entity_tags.read(tags.tolist(), [1.0] * len(tags)))
        return Targets({"entity_tags": tags, "relation_cells": cells}, lost)

    def cost(self, lengths: np.ndarray) -> np.ndarray:
        """Count long sentences as more tokens: the tables have a logit for each label of each pair."""
        return table_cost(lengths, 1 + len(self.pair_table.relations))

    def limits(self, held: Example) -> list[Limit]:
        """Find the limits of labels that are each scored by a sum.

        With a ``threshold`` above 0 a wrong label need not be a wrong triple, so that the cost is not known. Labels
        that are crosswise cost at least one triple if the mentions are single tokens.
        """
        related = set(map(spans_of, held.relations))
        limits = limits_of_sums(tables_of(held.relations), lambda cell: cell not in related)
        if self.pair_table.threshold > 0:
            limits = [Limit(limit.cause, [Outcome()]) for limit in limits]
        single = {spans_of(r): r for r in held.relations if _size(r.head) == _size(r.tail) == 1}
        return [*limits, *limit_of_labels(single, alone=not limits)]

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the logits of both phases.

        Those of the last phase are ``entity`` [batch, length, tags] and ``relation`` [batch, length, length,
        1 + relations] with label 0 for none. Those of the first are ``first_entity`` and ``first_relation``.
        """
        h = self.dropout(encode(batch))  # [batch, length, input_dim]
        entity, relation = self.first(h, batch.mask)
        if self.graphs is None or self.second is None:
            return {"entity": entity, "relation": relation}
        P = relation.softmax(dim=-1)[..., 1:]  # [batch, length, length, relations]
        h = self.dropout(self.graphs(h, P, batch.mask))
        last = dict(zip(("entity", "relation"), self.second(h, batch.mask), strict=True))
        return {**last, "first_entity": entity, "first_relation": relation}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of tags and pairs of both phases, summed over a sentence, averaged over sentences."""
        last = self._phase_loss(output["entity"], output["relation"], batch)
        if "first_entity" not in output:
            return last
        return self._phase_loss(output["first_entity"], output["first_relation"], batch) + self.second_weight * last

    def _phase_loss(self, entity: Tensor, relation: Tensor, batch: Batch) -> Tensor:
        labels = _labels(batch["relation_cells"], batch.mask)
        losses = F.cross_entropy(relation.flatten(0, 2), labels.flatten(), reduction="none").view(labels.shape)
        weights = torch.where(labels > 0, self.relation_weight, 1.0) * _pairs(batch.mask)
        return tagging_loss(entity, batch["entity_tags"], batch.mask) + (losses * weights).sum() / len(batch)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the tagged entities, and the relations that the labels of their tokens' pairs make."""
        return self.read(output["entity"], *_best_labels(output["relation"]), batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Read the labels of the token pairs of given entities, which may overlap."""
        cells = _labeled_pairs(*_best_labels(self(batch, encode)["relation"]), batch.mask)
        return list(map(self.pair_table.read, cells, entities))

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold tags and the gold labels of pairs."""
        tags = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        labels = _labels(batch["relation_cells"], batch.mask)
        return self.read(tags, labels, torch.ones_like(labels, dtype=torch.float), batch)

    def read(self, tag_logits: Tensor, labels: Tensor, probs: Tensor, batch: Batch) -> list[Example]:
        """Make entities of the best tags, and relations of the labels [batch, length, length] of their tokens."""
        entities = list(map(self.entity_tags.read, *best_tags(tag_logits, batch.mask)))
        cells = _labeled_pairs(labels, probs, batch.mask)
        return list(map(prediction, batch.examples, entities, map(self.pair_table.read, cells, entities)))


def _labels(gold: Tensor, mask: Tensor) -> Tensor:
    """Gold cells (relation from 1, head, tail) [batch, cells, 3] -> the label of each pair [batch, length, length]."""
    labels = gold.new_zeros(*mask.shape, mask.shape[1])
    sentence, place = gold[..., 0].nonzero(as_tuple=True)  # relation 0 is padding
    relation, head, tail = gold[sentence, place].unbind(dim=-1)
    labels[sentence, head, tail] = relation
    return labels


def _best_labels(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best label of each pair and its probability: two of [batch, length, length]."""
    best, labels = logits.max(dim=-1)
    return labels, (best - logits.logsumexp(dim=-1)).exp()


def _labeled_pairs(labels: Tensor, probs: Tensor, mask: Tensor) -> list[list[tuple[int, int, int, float]]]:
    """Return (head, tail, relation from 1, probability) of the pairs of each sentence that have a relation."""
    found = ((labels > 0) & _pairs(mask)).nonzero(as_tuple=True)
    cells: list[list[tuple[int, int, int, float]]] = [[] for _ in mask]
    for sentence, head, tail, label, prob in zip(
        *(of.tolist() for of in (*found, labels[found], probs[found])), strict=True
    ):
        cells[sentence].append((head, tail, label, prob))
    return cells


def _pairs(mask: Tensor) -> Tensor:
    return mask.unsqueeze(2) & mask.unsqueeze(1)


class TokenPairTable:
    """Write relations as labels of token pairs, and read them back. A pair has one label, that of its first relation.

    Two entities have a relation if more than ``threshold``, a share, of the pairs of their tokens have its label; with
    the threshold 0, one pair is enough (threshold prediction).
    """

    def __init__(self, relations: Namespace, threshold: float) -> None:
        self.relations = relations
        self.threshold = threshold

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """Write the labeled pairs (relation from 1, head, tail) of a sentence, [pairs, 3], and list what is not held.

        ``tagged`` are the entities that the tags of the sentence hold.
        """
        labels: dict[tuple[int, int], int] = {}
        lost, spans = [], {entity.span for entity in tagged}
        for relation in example.relations:
            cause = self._label(relation, labels)
            if cause is None and not {relation.head.span, relation.tail.span} <= spans:
                cause = UNTAGGED
            if cause is not None:
                lost.append((relation, cause))
        cells = [(label, head, tail) for (head, tail), label in labels.items()]
        return np.array(cells, dtype=np.int32).reshape(-1, 3), lost

    def read(self, cells: Iterable[tuple[int, int, int, float]], entities: Sequence[Entity]) -> list[Relation]:
        """Read labeled pairs (head, tail, relation from 1, score) as relations of the entities with its tokens."""
        owners: dict[int, list[Entity]] = defaultdict(list)
        for entity in entities:
            for token in range(*entity.span):
                owners[token].append(entity)
        scores: dict[tuple[Entity, int, Entity], list[float]] = defaultdict(list)
        for head, tail, label, score in cells:
            for subject, object in product(owners.get(head, ()), owners.get(tail, ())):
                scores[subject, label - 1, object].append(score)
        return [
            Relation(head, self.relations[relation], tail, sum(found) / len(found))
            for (head, relation, tail), found in scores.items()
            if len(found) > self.threshold * _size(head) * _size(tail)
        ]

    def _label(self, relation: Relation, labels: dict[tuple[int, int], int]) -> str | None:
        """Label the token pairs of a relation. Return the cause if that is not possible."""
        if not relation.located:
            return NOT_LOCATED
        index = self.relations.get(relation.type)
        if index is None:
            return UNKNOWN
        block = {(i, j): index + 1 for i in range(*relation.head.span) for j in range(*relation.tail.span)}
        if any(labels.get(pair, label) != label for pair, label in block.items()):
            return LABELED
        labels.update(block)
        return None


def _size(entity: Entity) -> int:
    start, end = entity.span
    return end - start
