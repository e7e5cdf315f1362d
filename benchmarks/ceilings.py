"""What a head can reach: ``python benchmarks/ceilings.py FILE...`` prints the ceilings of HMT's tags.

``--head casrel`` or ``--head '{"type": "cascade", "fusion": "late"}'``, which may be repeated, prints those of other
heads. Each file's own gold is written as targets and decoded again, and the limits of the head's form are applied
(relx's oracle check; under ``--protocol``, by default exact_span). The relation types are those of the file. ``<=``
marks an F1 that is an upper bound, with the precision and the recall that belong to it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from relx import config
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.readers import read
from relx.registry import Reference
from relx.training.checks.oracle import OracleReport, oracle_check

MODEL = Reference("relx.model", "JointExtractor")
SMALL = {"hidden_size": 1, "tag_dim": 1}
HEADS = [json.dumps({"type": "hmt", "decoding": decoding, **SMALL}) for decoding in ("nearest", "all_pairs")]


def ceiling(gold: list[Example], head: dict[str, Any], protocol: str = "exact_span") -> OracleReport:
    """The oracle check of a head over vectors of words; the weights have no part in it."""
    described = {"embedder": {"type": "words", "dim": 2}, "head": head}
    config.require_valid(described, MODEL, "--head")
    return oracle_check(config.build(described, MODEL, vocabulary=Vocabulary(gold)).head, gold, protocol)


def row(path: str, head: dict[str, Any], found: OracleReport) -> str:
    """A line of the table."""
    triples = found.report.triples
    bound = "<= " if found.at_most else ""
    ratios = f"{triples.precision:.3f} | {triples.recall:.3f} | {bound}{triples.f1:.3f}"
    losses = [f"{count} {cause}" for cause, count in found.losses.items()]
    wrong = [f"{count} wrong: {cause}" for cause, count in found.wrong.items()]
    shown = ", ".join(str(value) for key, value in head.items() if key not in SMALL)
    return f"| {'/'.join(Path(path).parts[-2:])} | {shown} | {triples.gold} | {ratios} | {'; '.join(losses + wrong)} |"


def described(head: str) -> dict[str, Any]:
    """A head as JSON, or by its name alone."""
    found: dict[str, Any] = json.loads(head) if head.lstrip().startswith("{") else {"type": head}
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--head", action="append", type=described, help="a name, or JSON as in an experiment file")
    parser.add_argument("--protocol", default="exact_span")
    args = parser.parse_args()
    print("| file | head | gold triples | P | R | F1 | lost |\n|---|---|---|---|---|---|---|")
    for path in args.files:
        gold = list(read(path))
        for head in args.head or map(json.loads, HEADS):
            print(row(path, head, ceiling(gold, head, args.protocol)))


if __name__ == "__main__":
    main()
