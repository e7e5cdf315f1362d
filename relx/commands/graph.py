"""``relx graph``: the triples of predicted files as a graph."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from relx.commands.common import require_extra

if TYPE_CHECKING:
    from relx.graph.triples import FoundTriple

PACKAGES = {"turtle": "rdflib", "graphml": "networkx"}
BELOW = "below the minimum score"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="TRIPLES", help="sentences or documents that relx predict wrote")
    parser.add_argument("--to", required=True, choices=("turtle", "graphml", "csv", "cypher"), help="the form of OUT")
    parser.add_argument("--output", required=True, metavar="OUT", help="a file, or for csv a folder")
    parser.add_argument("--min-score", type=float, metavar="SCORE", help="omit triples with a lower score")
    parser.add_argument(
        "--min-count", type=int, default=1, metavar="N", help="omit edges that were found less often (default: 1)"
    )
    parser.add_argument("--link", metavar="CSV", help="a list of entities with the columns id, name, aliases, type")
    parser.add_argument(
        "--min-link-score", type=float, metavar="SCORE",
        help="link a name only to an entry with at least this score (default: 0.85)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the graph and say what it holds. Raises DataError, ConfigError, MissingExtra, RelxError."""
    import sys
    from pathlib import Path

    from relx import graph
    from relx.graph.store import GraphStore
    from relx.utils.text import counted

    _check(args)
    if args.to == "csv":
        graph.require_new(Path(args.output))
    left_out: Counter[str] = Counter()
    linker = None
    if args.link:
        from relx.graph.linking import Linker, read_entries

        entries = read_entries(args.link)
        linker = Linker(entries) if args.min_link_score is None else Linker(entries, args.min_link_score)
    with GraphStore.temporary() as store:
        triples = sum(store.add(_above(graph.found_triples(path), args.min_score, left_out)) for path in args.files)
        nodes, edges = store.merge(args.min_count, linker)
        writers = {
            "turtle": graph.write_turtle,
            "graphml": graph.write_graphml,
            "csv": graph.write_csv,
            "cypher": graph.write_cypher,
        }
        writers[args.to](store, Path(args.output))
        linked = f" ({store.linked():,} linked)" if linker else ""
    left = "".join(f", {number:,} left out: {reason}" for reason, number in left_out.items())
    held = f"{counted(nodes, 'node')}{linked}, {counted(edges, 'edge')}"
    print(f"{counted(triples, 'triple')}{left} -> {args.output} ({args.to}): {held}", file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> None:
    from relx.errors import ConfigError

    if args.min_count < 1:
        raise ConfigError(f"--min-count {args.min_count}: expected a count of at least 1")
    for name in ("min_score", "min_link_score"):
        if (value := getattr(args, name)) is not None and not 0 <= value <= 1:
            raise ConfigError(f"--{name.replace('_', '-')} {value}: expected a score from 0 to 1")
    if args.to in PACKAGES:
        require_extra(PACKAGES[args.to], "graph")
    if args.link:
        require_extra("rapidfuzz", "graph")


def _above(
    triples: "Iterator[FoundTriple]", min_score: float | None, left_out: "Counter[str]"
) -> "Iterator[FoundTriple]":
    """Yield the triples whose score is not below the minimum; one without a score is not."""
    for triple in triples:
        if min_score is not None and triple.score is not None and triple.score < min_score:
            left_out[BELOW] += 1
        else:
            yield triple
