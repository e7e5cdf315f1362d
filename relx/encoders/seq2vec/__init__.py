"""Encoders of a sequence as one vector: ``mean``, ``max``, ``last``, ``attention``, ``cnn``."""

from relx.encoders.seq2vec.encoder import Seq2VecEncoder

__all__ = ["Seq2VecEncoder"]
