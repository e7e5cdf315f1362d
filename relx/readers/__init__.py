"""Corpus forms: path -> Examples.

Registered: ``jsonl``, ``hrl``, ``triples``, ``dygie``, ``spert``, ``conll04``, ``brat``, ``conllu``.
"""

from relx.readers.choose import form_of, make_reader, read, reader_for

__all__ = ["form_of", "make_reader", "read", "reader_for"]
