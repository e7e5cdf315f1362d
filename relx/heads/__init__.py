"""Joint-extraction heads.

Registered: ``cascade``, ``casrel``, ``graphrel``, ``hmt``, ``interactive``, ``novel_tagging``, ``rin``, ``rin_v2``,
``spert``, ``table``.
"""

from relx.heads.head import Head

__all__ = ["Head"]
