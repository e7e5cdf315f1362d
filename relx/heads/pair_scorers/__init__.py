"""Scorers of token pairs: ``linear``, ``decomposed``, ``concat_mlp``, ``pfn_mlp``, ``biaffine``."""

from relx.heads.pair_scorers.scorer import PairScorer

__all__ = ["PairScorer"]
