"""A graph as Turtle, GraphML, CSV files of Neo4j, and Cypher."""

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from relx.errors import DataError, RelxError
from relx.graph.store import Edge, GraphStore, Node
from relx.utils.files import atomic_binary, atomic_write
from relx.utils.text import json_text

NODES, RELATIONSHIPS = "nodes.csv", "relationships.csv"
NAMESPACE = "urn:relx:"
UNTYPED = "Entity"
AT_ONCE = 2000
ROWS_OF_A_STATEMENT = 500
# Between the values of a list in Neo4j's CSV files.
BETWEEN = ";"


def write_turtle(graph: GraphStore, path: Path) -> None:
    """Write RDF: each edge as a triple, and as a statement with its count, score and sources. Needs rdflib.

    The file is written piece by piece, so that its size does not matter. Raises RelxError.
    """
    from rdflib import RDF, RDFS, XSD, Graph, Literal, Namespace, URIRef  # noqa: PLC0415

    terms = Namespace(f"{NAMESPACE}vocabulary:")

    def iri(kind: str, name: str) -> URIRef:
        is_one = kind == "node" and name.startswith(("http://", "https://"))
        return URIRef(
            quote(name, safe=":/?#[]@!$&'()*+,;=%~") if is_one else f"{NAMESPACE}{kind}:{quote(name, safe='')}"
        )

    def literal(value: Any) -> Literal:
        """Return a number as a decimal: rdflib writes seven digits of a double."""
        is_score = isinstance(value, float)
        return Literal(format(Decimal(repr(value)), "f"), datatype=XSD.decimal) if is_score else Literal(value)

    def add(item: Node | Edge, number: int, piece: Graph) -> None:
        if isinstance(item, Node):
            node = iri("node", item.id)
            piece.add((node, RDF.type, iri("type", item.type or UNTYPED)))
            piece.add((node, RDFS.label, Literal(item.name)))
            for spelling in item.spellings:
                piece.add((node, terms.spelling, Literal(spelling)))
            for key, value in _linked(item).items():
                piece.add((node, terms[key], literal(value)))
            return
        ends = iri("node", item.head), iri("relation", item.relation), iri("node", item.tail)
        statement = iri("statement", str(number))
        piece.add(ends)
        piece.add((statement, RDF.type, RDF.Statement))
        for term, value in zip((RDF.subject, RDF.predicate, RDF.object), ends, strict=True):
            piece.add((statement, term, value))
        for key, value in _facts(item).items():
            piece.add((statement, terms[key], literal(value)))

    with atomic_write(path) as file:
        items: Iterator[tuple[int, Node | Edge]] = enumerate(chain(graph.nodes(), graph.edges()))
        while chunk := list(islice(items, AT_ONCE)):
            piece = Graph()
            for kind in ("node", "relation", "type", "statement", "vocabulary"):
                piece.bind("relx" if kind == "vocabulary" else kind, f"{NAMESPACE}{kind}:")
            for number, item in chunk:
                add(item, number, piece)
            file.write(piece.serialize(format="turtle"))


def write_graphml(graph: GraphStore, path: Path) -> None:
    """Write GraphML, as Gephi and yEd read it. The graph is built in memory. Needs networkx. Raises RelxError."""
    import networkx  # noqa: PLC0415

    built = networkx.MultiDiGraph()
    for node in graph.nodes():
        names = json_text(node.spellings)
        built.add_node(node.id, label=node.name, type=node.type, spellings=names, **_linked(node))
    for edge in graph.edges():
        built.add_edge(edge.head, edge.tail, key=edge.relation, label=edge.relation, **_facts(edge))
    with atomic_binary(path) as file:
        networkx.write_graphml(built, file)


def require_new(folder: Path) -> None:
    """Raise DataError for a folder that has the files that ``write_csv`` writes."""
    there = [str(folder / name) for name in (NODES, RELATIONSHIPS) if (folder / name).exists()]
    if there:
        raise DataError(f"{', '.join(there)}: already there; name another folder")


def write_csv(graph: GraphStore, folder: Path) -> None:
    """Write ``nodes.csv`` and ``relationships.csv``, as neo4j-admin imports them, to a folder: both or none.

    Raises RelxError for a folder that cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RelxError(f"{folder}: cannot be written: {error.strerror}") from None
    linked = ("link", "link_score:double", "candidates")
    with atomic_write(folder / NODES) as of_nodes, atomic_write(folder / RELATIONSHIPS) as of_edges:
        table = csv.writer(of_nodes)
        table.writerow([":ID", "name", "spellings:string[]", *linked, ":LABEL"])
        for node in graph.nodes():
            spellings = BETWEEN.join(spelling.replace(BETWEEN, ",") for spelling in node.spellings)
            values = _linked(node)
            row = [values.get(key.partition(":")[0], "") for key in linked]
            table.writerow([node.id, node.name, spellings, *row, node.type or UNTYPED])
        table = csv.writer(of_edges)
        table.writerow([":START_ID", ":END_ID", ":TYPE", "count:int", "score:double", "sources"])
        for edge in graph.edges():
            facts = _facts(edge)
            row = [facts["count"], facts.get("score", ""), facts["sources"]]
            table.writerow([edge.head, edge.tail, edge.relation, *row])


def write_cypher(graph: GraphStore, path: Path) -> None:
    """Write statements of Cypher that merge the graph into a database such as Neo4j's. Raises RelxError."""
    with atomic_write(path) as file:
        file.write("CREATE CONSTRAINT relx_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE;\n")
        for type, nodes in groupby(graph.nodes(), key=lambda node: node.type or UNTYPED):
            rows = ({"id": n.id, "name": n.name, "spellings": n.spellings, **_linked(n)} for n in nodes)
            for values in _chunks(rows):
                label = "" if type == UNTYPED else f" SET n:{_name(type)}"
                file.write(f"UNWIND {values} AS row MERGE (n:Entity {{id: row.id}}) SET n += row{label};\n")
        for relation, of_type in groupby(graph.edges(), key=lambda edge: edge.relation):
            rows = ({"head": e.head, "tail": e.tail, "facts": _facts(e)} for e in of_type)
            for values in _chunks(rows):
                file.write(
                    f"UNWIND {values} AS row MATCH (h:Entity {{id: row.head}}) MATCH (t:Entity {{id: row.tail}}) "
                    f"MERGE (h)-[r:{_name(relation)}]->(t) SET r += row.facts;\n"
                )


def _linked(node: Node) -> dict[str, Any]:
    """Return what the linker found for a node; nothing without a linker."""
    found = {"link": node.link, "link_score": node.link_score}
    candidates = {} if node.candidates is None else {"candidates": json_text(node.candidates)}
    return {key: value for key, value in found.items() if value is not None} | candidates


def _facts(edge: Edge) -> dict[str, Any]:
    """Return count, best score and sources; the sources as JSON, since these forms hold no objects."""
    sources = json_text([source.to_json() for source in edge.sources])
    return {"count": edge.count, "sources": sources} | ({} if edge.score is None else {"score": edge.score})


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield lists of maps in Cypher, each for one statement."""
    rows = iter(rows)
    while chunk := list(islice(rows, ROWS_OF_A_STATEMENT)):
        yield f"[{', '.join(map(_literal, chunk))}]"


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json_text(value)  # strings of JSON are strings of Cypher: the same quotes and escapes


def _name(name: str) -> str:
    """Return a label or a type between backticks, as any text may be one."""
    return f"`{name.replace('`', '``')}`"
