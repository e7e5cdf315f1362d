"""Corpus forms: file -> Examples."""

from relx.readers.choose import make_reader, read, reader_for

__all__ = ["make_reader", "read", "reader_for"]
