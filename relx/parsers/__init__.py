"""Dependency parsers: ``stanza``, ``given``, ``chain``."""

from relx.parsers.parser import DependencyParser

__all__ = ["DependencyParser"]
