"""Sentence splitters: ``rules``, ``stanza``, ``lines``."""
