"""Dependency parsers: ``stanza``, ``given``, ``linear_chain``."""

from relx.annotators.parsers.parser import DependencyParser

__all__ = ["DependencyParser"]
