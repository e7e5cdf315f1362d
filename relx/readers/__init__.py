"""Corpus forms: path -> Examples.

Registered: ``jsonl``, ``hrl``, ``triples``, ``dygie``, ``spert``, ``conll04``, ``brat``, ``conllu``, ``doccano``,
``labelstudio``, ``prodigy``, ``webanno``, ``csv``.
"""

from relx.readers.corpus import form_of, make_reader, read, read_files, reader_for, sentences_of
from relx.readers.jsonl import holds_error
from relx.readers.reader import require_writable

__all__ = [
    "form_of",
    "holds_error",
    "make_reader",
    "read",
    "read_files",
    "reader_for",
    "require_writable",
    "sentences_of",
]
