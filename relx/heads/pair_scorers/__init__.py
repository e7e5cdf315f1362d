"""Scorers of token pairs: ``additive``, ``linear``, ``relu_sum``, ``mlp``, ``biaffine``."""

from relx.heads.pair_scorers.scorer import Cells, PairScorer

__all__ = ["Cells", "PairScorer"]
