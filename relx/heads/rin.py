"""RIN as it was published last (Sun et al., EMNLP 2020; arXiv:2005.00162v2) and as its authors' code computes it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, HeadOutput, Limit, Targets, prediction
from relx.heads.pair_scorers import PairScorer, TableCells
from relx.heads.pair_scorers.scorers import ConcatMLPPairScorer, DecomposedPairScorer
from relx.heads.schemes.entities import EntityTypes
from relx.heads.schemes.limits import Cell, limits_of_sums
from relx.heads.schemes.pairs import Anchor, AnchorTable
from relx.heads.schemes.tags import EntityTags, best_tags, gold_logits, tagging_loss
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_inner_shares, require_sizes

Updating = Literal["gru", "torch_gru", "rnn", "linear"]


class GatedUpdater(nn.Module):
    """The paper's gated unit (Sun et al. 2020, Eq. 4-7), without biases.

    It is no ``nn.GRUCell``: its gate u acts on the features before they are projected, and z weighs the new ones.
    """

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, 3 * size, bias=False)
        self.gates_from_features = nn.Linear(size, 2 * size, bias=False)
        self.candidate_from_features = nn.Linear(size, size, bias=False)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        size = features.shape[-1]
        gate_inputs, candidate_inputs = self.from_input(inputs).split((2 * size, size), dim=-1)
        z, u = torch.sigmoid(gate_inputs + self.gates_from_features(features)).chunk(2, dim=-1)
        candidate = torch.tanh(candidate_inputs + self.candidate_from_features(u * features))
        return torch.lerp(features, candidate, z)


class GRUCellUpdater(nn.Module):
    """``nn.GRUCell`` (Cho et al. 2014) for each token."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(input_dim, size)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return self.cell(inputs.flatten(0, -2), features.flatten(0, -2)).view_as(features)


class RNNUpdater(nn.Module):
    """tanh(W [h; x] + b), the unit without gates of Figure 3."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, size)
        self.from_features = nn.Linear(size, size, bias=False)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return torch.tanh(self.from_input(inputs) + self.from_features(features))


class LinearUpdater(nn.Module):
    """W h + b, blind to the other task: the ablation that Table 5 calls -gamma."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_features = nn.Linear(size, size)

    def forward(self, inputs: Tensor, features: Tensor) -> Tensor:
        """The features [..., size] -> the new features [..., size]."""
        return self.from_features(features)


UPDATERS: dict[Updating, type[nn.Module]] = {
    "gru": GatedUpdater,
    "torch_gru": GRUCellUpdater,
    "rnn": RNNUpdater,
    "linear": LinearUpdater,
}


class PairTaggingHead(Head):
    """HeadOutput ``entity``, tag logits [batch, length, tags], and ``relation``, what the pair scorer is to read.

    No table of pairs stands among the scores: the scorer makes what is asked of it from [batch, length, d].
    """

    pair_scorer: PairScorer

    def set_scheme(self, vocabulary: Vocabulary, anchor: Anchor, allow_self: bool, threshold: float) -> None:
        """What is tagged, and which cells are triples. Raises ValueError for a threshold that is no probability."""
        require_inner_shares(threshold=threshold)
        relations = vocabulary.relations()
        self.entity_tags = EntityTags(EntityTypes(vocabulary, None))
        self.pair_cells = AnchorTable(relations, anchor, allow_self)
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

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Cross entropies of tags and of pairs, each summed over its sentence, averaged over sentences."""
        pairs = self.pair_scorer.loss(scores["relation"], batch.mask, batch["relation_cells"])
        return tagging_loss(scores["entity"], batch["entity_tags"], batch.mask) + pairs / len(batch)

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """A cell that reaches the threshold is a triple; its mentions have the extent of the predicted entities."""
        cells, probs = self.pair_scorer.predict(scores["relation"], batch.mask, self.threshold)
        return self.read(scores["entity"], cells, probs, batch)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the target tags and the target cells."""
        tags = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        cells = TableCells.unpadded(batch["relation_cells"])
        return self.read(tags, cells, torch.ones(len(cells.sentence)), batch)

    def read(self, tag_logits: Tensor, cells: TableCells, probs: Tensor, batch: Batch) -> list[Example]:
        """Make entities of the best tags [batch, length, tags], and a relation of each cell."""
        entities = list(map(self.entity_tags.read, *best_tags(tag_logits, batch.mask)))
        return list(map(prediction, batch.examples, entities, self._relations(cells, probs, entities)))

    def _relations(self, cells: TableCells, probs: Tensor, entities: Sequence[list[Entity]]) -> list[list[Relation]]:
        extents = list(map(self.pair_cells.by_anchor, entities))
        found: list[list[Relation]] = [[] for _ in entities]
        for sentence, head, tail, relation, score in zip(*map(Tensor.tolist, (*cells, probs)), strict=True):
            if head != tail or self.pair_cells.allow_self:
                found[sentence].append(self.pair_cells.read(relation, head, tail, score, extents[sentence]))
        return found


Signal = Literal["relations", "entities", "words"]


@Head.register("rin")
class RIN(PairTaggingHead):
    """Entity tags and relations of token pairs, predicted ``rounds`` times; each round refines the next one's features.

    The tasks meet in INT (Eq. 1-3), whose inputs ``interaction`` names: the probabilities of ``relations`` and of
    ``entities`` of the round before, and the encoded ``words``; by default all. Rounds share their weights, and only
    the predictions after the last are learnt. ``hidden_size`` is that of the features of a task, by default the
    encoder's. ``rounds=0`` is the paper's BiLSTM_s, and BiLSTM with ``projections=false`` in addition.

    ``allow_self=False`` learns and predicts no relation whose head and tail are told by one token. The diagonal stays
    in the table: it takes part in the maxima over tails, and is learnt to be unrelated.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        rounds: int = 3,
        hidden_size: int | None = None,
        updater: Updating = "gru",
        interaction: list[Signal] | None = None,
        projections: bool = True,
        pair_scorer: Lazy[PairScorer] | None = None,
        anchor: Anchor = "last",
        allow_self: bool = True,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        size = _feature_size(input_dim, hidden_size, projections)
        self.set_scheme(vocabulary, anchor, allow_self, threshold)
        self.rounds = require_rounds(rounds)
        relations, tags = len(self.pair_cells.relations), self.entity_tags.scheme.size
        self.relation_features = _projection(input_dim, size) if projections else nn.Identity()
        self.entity_features = _projection(input_dim, size) if projections else nn.Identity()
        self.pair_scorer = (pair_scorer or Lazy(DecomposedPairScorer)).build(input_dim=size, num_relations=relations)
        self.tagger = nn.Linear(size, tags)
        self.interaction = None
        if rounds and updater != "linear":
            sizes = {"relations": relations, "entities": tags, "words": input_dim}
            self.signals = _signals(interaction)
            self.interaction = _projection(sum(sizes[signal] for signal in self.signals), size)
        if rounds:
            self.relation_updater = UPDATERS[updater](size, size)
            self.entity_updater = UPDATERS[updater](size, size)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """``entity`` [batch, length, tags] and ``relation`` [batch, length, size], after the last round."""
        encoded = encode(batch)
        relation, entity = self.relation_features(encoded), self.entity_features(encoded)
        for _ in range(self.rounds):
            common = self._common(relation, entity, encoded, batch.mask)
            relation, entity = self.relation_updater(common, relation), self.entity_updater(common, entity)
        return {"entity": self.tagger(entity), "relation": relation}

    def _common(self, relation: Tensor, entity: Tensor, encoded: Tensor, mask: Tensor) -> Tensor | None:
        """INT: what both tasks say of each token."""
        if self.interaction is None:
            return None
        signals = {
            "relations": lambda: self.pair_scorer.max_over_tails(relation, mask).sigmoid(),
            "entities": lambda: self.tagger(entity).softmax(dim=-1),
            "words": lambda: encoded,
        }
        return self.interaction(torch.cat([signals[signal]() for signal in self.signals], dim=-1))


def require_rounds(rounds: int) -> int:
    """The number of rounds. Raises ValueError for one below 0."""
    if rounds < 0:
        raise ValueError(f"rounds is {rounds}; it must be at least 0")
    return rounds


def _feature_size(input_dim: int, hidden_size: int | None, projections: bool) -> int:
    require_sizes(hidden_size=hidden_size)
    if not projections and hidden_size not in (None, input_dim):
        raise ValueError(f"hidden_size is {hidden_size}; without projections it is that of the encoder, {input_dim}")
    return hidden_size or input_dim


def _signals(interaction: list[Signal] | None) -> list[Signal]:
    if interaction is None:
        return ["relations", "entities", "words"]
    if not interaction or len(set(interaction)) < len(interaction):
        raise ValueError("interaction must name at least one input, and none twice; rounds=0 does without")
    return interaction


def _projection(input_dim: int, size: int) -> nn.Module:
    return nn.Sequential(nn.Linear(input_dim, size), nn.ReLU())


@Head.register("rin_v2")
class RINv2(PairTaggingHead):
    """As ``rin``, but each task's prediction goes into a GRU cell of its own whose state is the encoded token.

    The encoded token then grows by the features of both tasks. ``rounds`` as published: WebNLG 2, NYT 4 (3 and 7 where
    whole mentions count). ``allow_self`` is that of ``rin``.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        rounds: int = 2,
        pair_scorer: Lazy[PairScorer] | None = None,
        anchor: Anchor = "last",
        allow_self: bool = True,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self.set_scheme(vocabulary, anchor, allow_self, threshold)
        self.rounds = require_rounds(rounds)
        relations, tags = len(self.pair_cells.relations), self.entity_tags.scheme.size
        self.pair_scorer = (pair_scorer or Lazy(ConcatMLPPairScorer)).build(
            input_dim=input_dim, num_relations=relations
        )
        self.tagger = nn.Linear(input_dim, tags)
        if rounds:
            self.relation_updater = GRUCellUpdater(relations, input_dim)
            self.entity_updater = GRUCellUpdater(tags, input_dim)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """``entity`` [batch, length, tags] and ``relation`` [batch, length, input_dim], after the last round."""
        encoded = relation = entity = encode(batch)
        for _ in range(self.rounds):
            relations = self.pair_scorer.max_over_tails(relation, batch.mask).sigmoid()
            entities = self.tagger(entity).softmax(dim=-1)
            relation, entity = self.relation_updater(relations, encoded), self.entity_updater(entities, encoded)
            encoded = encoded + relation + entity
        return {"entity": self.tagger(entity), "relation": relation}
