"""Joint-extraction heads: ``hmt``, ``novel_tagging``."""

from relx.heads.head import Head

__all__ = ["Head"]
