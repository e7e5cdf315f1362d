"""Dependency parsers: ``stanza``, ``given``, ``chain``."""

from relx.annotators.parsers.parser import DependencyParser

__all__ = ["DependencyParser"]
