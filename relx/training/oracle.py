"""The oracle check: what a head's scheme itself loses, whatever the model learns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relx.data.batch import IndexedCorpus
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.heads.head import Head
from relx.scoring import Protocol, Report, find_protocol, score
from relx.scoring.render import percentages

UNDECODED = "held by the targets, but decoded as something else"


@dataclass(frozen=True)
class OracleReport:
    """The score of decode(targets(gold)), and how many gold triples are lost for which cause.

    The losses add up to the gold triples that the score counts less those that it finds correct.
    """

    report: Report
    losses: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        triples = self.report.triples
        ceiling = {"precision": triples.precision, "recall": triples.recall, "f1": triples.f1}
        return {"protocol": self.report.protocol, **ceiling, "losses": self.losses}

    def __str__(self) -> str:
        ratios = percentages(self.report.triples)
        causes = "".join(f"\n  {count} triples lost: {cause}" for cause, count in self.losses.items())
        return f"the scheme's ceiling is {ratios} ({self.report.protocol}){causes}"


def oracle_check(head: Head, gold: Sequence[Example], protocol: str) -> OracleReport:
    """Encode gold as targets, decode them, score the result. Raises DataError as ``score`` does."""
    decoded = oracle_decode(head, gold)
    report = score(gold, decoded, protocol)
    losses: Counter[str] = Counter()
    for example, found in zip(gold, decoded, strict=True):
        losses.update(_losses(head, example, found, find_protocol(protocol)))
    return OracleReport(report, dict(losses.most_common()))


def _losses(head: Head, gold: Example, decoded: Example, protocol: Protocol) -> Counter[str]:
    """Why gold triples of a sentence are missing, as the protocol counts them."""
    wanted, found = (Counter(protocol.key(e, relation) for relation in e.relations) for e in (gold, decoded))
    missing = wanted - found if protocol.multiset else Counter(wanted.keys() - found.keys())
    losses: Counter[str] = Counter()
    if missing:
        causes = {protocol.key(gold, relation): cause for relation, cause in head.targets(gold).lost}
        for key, count in missing.items():
            losses[causes.get(key, UNDECODED)] += count
    return losses


def oracle_decode(head: Head, gold: Sequence[Example]) -> list[Example]:
    """What a model that has learnt the targets perfectly would say of each sentence."""
    corpus = IndexedCorpus(gold, lambda example: head.targets(example).arrays)
    loader = DataLoader(batch_size=256, max_tokens=8192)
    return loader.apply(lambda batch: head.decode(head.oracle(batch), batch), corpus)
