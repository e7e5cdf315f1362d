"""What a tag scheme can reach: ``python benchmarks/ceilings.py FILE...`` prints the ceilings of HMT's tags.

Each file's own gold is written as targets and decoded again (relx's oracle check, protocol exact_span), once with each
way of pairing mentions. The relation types are those of the file.
"""

import sys
from pathlib import Path

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.heads.hmt import HMT
from relx.readers import read
from relx.training.oracle import OracleReport, oracle_check

DECODINGS = ("nearest", "all_pairs")


def ceiling(gold: list[Example], decoding: str) -> OracleReport:
    """The oracle check of HMT's scheme; the weights have no part in it, so they are few."""
    head = HMT(1, Vocabulary(gold), hidden_size=1, tag_dim=1, decoding=decoding)  # type: ignore[arg-type]
    return oracle_check(head, gold, "exact_span")


def row(path: str, decoding: str, found: OracleReport) -> str:
    """A line of the table."""
    triples = found.report.triples
    ratios = " | ".join(f"{ratio:.3f}" for ratio in (triples.precision, triples.recall, triples.f1))
    losses = "; ".join(f"{count} {cause}" for cause, count in found.losses.items())
    return f"| {'/'.join(Path(path).parts[-2:])} | {decoding} | {triples.gold} | {ratios} | {losses} |"


def main() -> None:
    """Print the table."""
    print("| file | decoding | gold triples | P | R | F1 | lost |\n|---|---|---|---|---|---|---|")
    for path in sys.argv[1:]:
        gold = list(read(path))
        for decoding in DECODINGS:
            print(row(path, decoding, ceiling(gold, decoding)))


if __name__ == "__main__":
    main()
