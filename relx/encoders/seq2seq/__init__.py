"""Sequence encoders.

Registered: ``lstm``, ``peephole_lstm``, ``gcn``, ``srn``, ``partition_filter``, ``compose``, ``pass_through``.
"""

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder

__all__ = ["Seq2SeqEncoder"]
