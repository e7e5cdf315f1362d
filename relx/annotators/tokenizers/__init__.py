"""Tokenizers: ``stanza``, ``whitespace``."""
