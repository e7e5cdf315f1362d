"""Joint-extraction heads: ``hmt``, ``novel_tagging``, ``rin``, ``rin_v2``."""

from relx.heads.head import Head

__all__ = ["Head"]
