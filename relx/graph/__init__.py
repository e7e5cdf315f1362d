"""Triples as a graph: mentions merged to nodes, relations to edges with their counts, scores and sources."""

from relx.graph.store import Edge, GraphStore, Node, Source
from relx.graph.triples import FoundTriple, found_triples
from relx.graph.writers import require_new, write_csv, write_cypher, write_graphml, write_turtle

__all__ = [
    "Edge",
    "FoundTriple",
    "GraphStore",
    "Node",
    "Source",
    "found_triples",
    "require_new",
    "write_csv",
    "write_cypher",
    "write_graphml",
    "write_turtle",
]
