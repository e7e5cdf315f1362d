"""RIN: recurrent interaction network (Sun et al. 2020, arXiv:2005.00162v1)."""

from typing import Literal

import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.sizes import require_sizes
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, Scores
from relx.heads.pair_cells import Anchor
from relx.heads.pair_scorers.additive import AdditivePairScorer
from relx.heads.pair_scorers.scorer import PairScorer
from relx.heads.pair_tagging import PairTaggingHead
from relx.heads.rin_updaters import UPDATERS, Updating
from relx.registry import Injected, Lazy

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
        self.pair_scorer = (pair_scorer or Lazy(AdditivePairScorer)).build(input_dim=size, relations=relations)
        self.tagger = nn.Linear(size, tags)
        self.interaction = None
        if rounds and updater != "linear":
            sizes = {"relations": relations, "entities": tags, "words": input_dim}
            self.signals = _signals(interaction)
            self.interaction = _projection(sum(sizes[signal] for signal in self.signals), size)
        if rounds:
            self.relation_updater = UPDATERS[updater](size, size)
            self.entity_updater = UPDATERS[updater](size, size)

    def forward(self, batch: Batch, encode: Encode) -> Scores:
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
            "relations": lambda: self.pair_scorer.best(relation, mask).sigmoid(),
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
