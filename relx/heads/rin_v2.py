"""RIN as it was published last (Sun et al., EMNLP 2020; arXiv:2005.00162v2) and as its authors' code computes it."""

from torch import nn

from relx.data.batch import Batch
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, Scores
from relx.heads.pair_cells import Anchor
from relx.heads.pair_scorers.hidden import ReluSumPairScorer
from relx.heads.pair_scorers.scorer import PairScorer
from relx.heads.pair_tagging import PairTaggingHead
from relx.heads.rin import require_rounds
from relx.heads.rin_updaters import GRUCellUpdater
from relx.registry import Injected, Lazy


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
        self.pair_scorer = (pair_scorer or Lazy(ReluSumPairScorer)).build(input_dim=input_dim, relations=relations)
        self.tagger = nn.Linear(input_dim, tags)
        if rounds:
            self.relation_updater = GRUCellUpdater(relations, input_dim)
            self.entity_updater = GRUCellUpdater(tags, input_dim)

    def forward(self, batch: Batch, encode: Encode) -> Scores:
        """``entity`` [batch, length, tags] and ``relation`` [batch, length, input_dim], after the last round."""
        encoded = relation = entity = encode(batch)
        for _ in range(self.rounds):
            relations = self.pair_scorer.best(relation, batch.mask).sigmoid()
            entities = self.tagger(entity).softmax(dim=-1)
            relation, entity = self.relation_updater(relations, encoded), self.entity_updater(entities, encoded)
            encoded = encoded + relation + entity
        return {"entity": self.tagger(entity), "relation": relation}
