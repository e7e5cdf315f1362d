"""Token embedders: ``words``, ``characters``, ``tags``, ``transformer``, ``concatenated``."""

from relx.embedders.embedder import TokenEmbedder

__all__ = ["TokenEmbedder"]
