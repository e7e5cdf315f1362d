"""Token embedders: ``words``, ``characters``, ``concatenated``."""

from relx.embedders.embedder import TokenEmbedder

__all__ = ["TokenEmbedder"]
