"""Triples merged to nodes and edges in a database on disk, so that any number of them needs little memory."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from relx.data.document import normalized_name
from relx.graph.triples import Argument, FoundTriple

if TYPE_CHECKING:
    from relx.graph.linking import Link

MOST_SOURCES = 100
"""So many sources of an edge are kept, those of the best scores; ``count`` counts all."""
SPELLINGS = 20
AT_ONCE = 10_000

_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;
CREATE TABLE found (
    head_type, head_key, relation, tail_type, tail_key, score, document, head_start, head_end, tail_start, tail_end,
    UNIQUE (document, head_start, tail_start, relation, head_type, head_key, tail_type, tail_key, head_end, tail_end)
);
CREATE TABLE spelling (type, key, name, count, PRIMARY KEY (type, key, name)) WITHOUT ROWID;
CREATE TABLE name (type, key, node, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE node (id PRIMARY KEY, type, name, spellings, link, score, candidates) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A place of a triple: its document, the characters of head and tail (None without a place), and its score."""

    document: str
    head: tuple[int, int] | None
    tail: tuple[int, int] | None
    score: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are there."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Node:
    """What the mentions of one type and one normalized name, or of one entry of a list, have in common.

    ``spellings`` are the names found, the most frequent first. ``link`` is the id of the entry; ``link_score`` and
    ``candidates`` (each with ``id``, ``name`` and ``score``) are those of the linker, None without one.
    """

    id: str
    type: str
    name: str
    spellings: list[str]
    link: str | None = None
    link_score: float | None = None
    candidates: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two nodes: how often it was found, its best score, and where."""

    head: str
    relation: str
    tail: str
    count: int
    score: float | None
    sources: list[Source]


class GraphStore:
    """Nodes and edges of triples. ``add`` triples, then ``merge`` once, then read ``nodes`` and ``edges``."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(_TABLES)

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["GraphStore"]:
        """Open a store whose file goes with the block."""
        with TemporaryDirectory(prefix="relx-graph-") as folder:
            store = cls(Path(folder, "triples.sqlite"))
            try:
                yield store
            finally:
                store._database.close()

    def add(self, triples: Iterable[FoundTriple]) -> int:
        """Take triples and return their number. One that is listed twice at one place counts once."""
        number, triples = 0, iter(triples)
        while chunk := list(islice(triples, AT_ONCE)):
            number += len(chunk)
            self._database.executemany(
                "INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET score = MAX(COALESCE(score, excluded.score), COALESCE(excluded.score, score))",
                map(_found, chunk),
            )
            self._database.executemany(
                "INSERT INTO spelling VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                (_spelling(argument) for triple in chunk for argument in (triple.head, triple.tail)),
            )
        return number

    def merge(self, min_count: int = 1, link: "Callable[[str, str], Link] | None" = None) -> tuple[int, int]:
        """Make nodes and edges; ``link`` gives the entry of a name and a type. Return the numbers of both.

        Names of one entry are one node. Edges found less than ``min_count`` times are left out, and so are nodes
        without an edge.
        """
        rows = self._database.execute("SELECT type, key, name FROM spelling ORDER BY type, key, count DESC, name")
        for (type, key), group in groupby(rows, key=lambda row: row[:2]):
            self._add_node(type, key, [name for *_, name in group][:SPELLINGS], link)
        self._database.executescript(
            f"""
            CREATE TABLE edge AS SELECT h.node AS head, f.relation AS relation, t.node AS tail, f.score AS score,
                f.document AS document, f.head_start AS head_start, f.head_end AS head_end,
                f.tail_start AS tail_start, f.tail_end AS tail_end
            FROM found f JOIN name h ON f.head_type = h.type AND f.head_key = h.key
                JOIN name t ON f.tail_type = t.type AND f.tail_key = t.key;
            CREATE INDEX by_ends ON edge (relation, head, tail, score DESC);
            CREATE TABLE kept AS SELECT head, relation, tail FROM edge
                GROUP BY relation, head, tail HAVING COUNT(*) >= {int(min_count)};
            CREATE TABLE joined AS SELECT head AS id FROM kept UNION SELECT tail FROM kept;
            """
        )
        counts = (self._database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("joined", "kept"))
        return next(counts), next(counts)

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes, by type and id."""
        columns = "id, type, name, spellings, link, score, candidates"
        for row in self._database.execute(f"SELECT {columns} FROM joined JOIN node USING (id) ORDER BY type, id"):
            id, type, name, spellings, link, score, candidates = row
            yield Node(id, type, name, json.loads(spellings), link, score, json.loads(candidates))

    def edges(self) -> Iterator[Edge]:
        """Yield the edges, by relation and ends; the sources of each by their scores."""
        rows = self._database.execute(
            "SELECT e.* FROM edge e JOIN kept USING (head, relation, tail) ORDER BY relation, head, tail, score DESC"
        )
        for (head, relation, tail), group in groupby(rows, key=lambda row: row[:3]):
            count, sources = 0, list[Source]()
            for count, row in enumerate(group, 1):
                if count <= MOST_SOURCES:
                    sources.append(_source(row))
            yield Edge(head, relation, tail, count, sources[0].score, sources)

    def linked(self) -> int:
        """Return the number of nodes with an entry."""
        query = "SELECT COUNT(*) FROM joined JOIN node USING (id) WHERE link IS NOT NULL"
        return int(self._database.execute(query).fetchone()[0])

    def _add_node(self, type: str, key: str, names: list[str], link: "Callable[[str, str], Link] | None") -> None:
        """Add a node, or the names of one that is there: two names may have one entry."""
        linked = link(names[0], type) if link else None
        entry = linked.entry if linked else None
        id = entry.id if entry else f"{type}/{key}"
        self._database.execute("INSERT INTO name VALUES (?, ?, ?)", (type, key, id))
        old = self._database.execute("SELECT spellings FROM node WHERE id = ?", (id,)).fetchone()
        spellings = list(dict.fromkeys([*(json.loads(old[0]) if old else ()), *names]))[:SPELLINGS]
        candidates = [candidate._asdict() for candidate in linked.candidates] if linked else None
        self._database.execute(
            "INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET spellings = excluded.spellings, score = MAX(score, excluded.score)",
            (
                id, (entry and entry.type) or type, entry.name if entry else names[0], json.dumps(spellings),
                entry.id if entry else None, linked.score if linked else None, json.dumps(candidates),
            ),
        )  # fmt: skip


def _found(triple: FoundTriple) -> tuple[Any, ...]:
    head, tail = triple.head, triple.tail
    # NULLs are all different to a database, so that a mention without a place begins at -1.
    places = [*(head.place or (-1, -1)), *(tail.place or (-1, -1))]
    return (*_spelling(head)[:2], triple.relation, *_spelling(tail)[:2], triple.score, triple.document, *places)


def _spelling(argument: Argument) -> tuple[str, str, str]:
    return argument.type or "", normalized_name(argument.name), argument.name


def _source(row: tuple[Any, ...]) -> Source:
    score, document, *places = row[3:]
    head, tail = (None if start < 0 else (start, end) for start, end in (places[:2], places[2:]))
    return Source(document, head, tail, score)
