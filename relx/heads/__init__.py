"""Joint-extraction heads.

Registered: ``cascade``, ``casrel``, ``graphrel``, ``hmt``, ``interactive``, ``novel_tagging``, ``pure``,
``pure_entities``, ``pure_relations``, ``rin``, ``rin_v2``, ``spe``, ``spert``, ``table``, ``table_sequence``.
"""

from relx.heads.head import Head

__all__ = ["Head"]
