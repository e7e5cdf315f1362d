"""Corpus forms: file -> Examples."""

from relx.readers.choose import form_of, make_reader, read, reader_for

__all__ = ["form_of", "make_reader", "read", "reader_for"]
