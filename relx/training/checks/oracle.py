"""The oracle check: what a head loses, whatever its model learns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.errors import TrainingError
from relx.heads.head import Head, Limit, Outcome
from relx.scoring import Protocol, Report, find_protocol, score
from relx.scoring.counts import Counts
from relx.scoring.protocols import Key
from relx.scoring.render import percentages

Choice = tuple[Limit, Outcome]

CUT = "a mention cuts a token, and a head returns whole tokens, each place once"
REPEATED = "the data repeat the triple, and a head returns it once"
MOST_ROUNDS = 20


@dataclass(frozen=True)
class OracleReport:
    """The best score that a head allows, and what it costs for which cause.

    ``report`` is the score of ``Head.oracle``, less what the head's ``limits`` cost at least. ``losses`` add up
    to the gold triples that the score counts less those that it finds correct, apart from ``faults``: gold triples that
    are missing although the head lists no cause. ``wrong`` are the wrong triples that a limit adds. Where a limit acts,
    the score is an upper bound (``at_most``). Of a head that finds no relations only the entities have a ceiling.
    """

    report: Report
    losses: dict[str, int]
    wrong: dict[str, int]
    faults: list[tuple[Example, Relation]]
    at_most: bool
    finds_relations: bool

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        if not self.finds_relations:
            return {"entity_protocol": self.report.entity_protocol, "entities": _ratios(self.report.entities)}
        causes = {"at_most": self.at_most, "losses": self.losses, "wrong": self.wrong}
        return {"protocol": self.report.protocol, **_ratios(self.report.triples), **causes}

    def __str__(self) -> str:
        if not self.finds_relations:
            ratios, protocol = percentages(self.report.entities), self.report.entity_protocol
            return f"the head finds no relations; the scheme's ceiling of entities is {ratios} ({protocol})"
        whose = "the model's ceiling is at most" if self.at_most else "the scheme's ceiling is"
        lines = [f"{whose} {percentages(self.report.triples)} ({self.report.protocol})"]
        lines += [f"{count} triples lost: {cause}" for cause, count in self.losses.items()]
        lines += [f"{count} wrong triples added: {cause}" for cause, count in self.wrong.items()]
        return "\n  ".join(lines)

    def require_no_fault(self, head: Head) -> None:
        """Raise TrainingError, with a sentence and a triple, where the head loses gold triples without a cause."""
        if not self.faults:
            return
        example, relation = self.faults[0]
        triple = f"({_text(example, relation.head)}, {relation.type}, {_text(example, relation.tail)})"
        raise TrainingError(
            f"the head {type(head).__name__} is at fault: the oracle lacks {len(self.faults)} gold "
            f"triples that targets does not list as lost. The first one is {triple} in the sentence "
            f"{' '.join(example.tokens)!r}. Correct targets, oracle or decode, or list such triples in Targets.lost"
        )


def oracle_check(head: Head, gold: Sequence[Example], protocol: str) -> OracleReport:
    """Encode gold as targets, decode them, apply the head's limits, score. Raises DataError as ``score`` does."""
    rule, decoded = find_protocol(protocol), oracle_decode(head, gold)
    correct = [_correct(*pair, rule) for pair in zip(gold, decoded, strict=True)]
    limits = [head.limits(example) for example in correct]
    # Where limits act, wrong triples of the scheme itself may be among those that the limits add: these count alone.
    held = [own if of else other for own, of, other in zip(correct, limits, decoded, strict=True)]
    chosen = _best_choices(limits, score(gold, held, protocol).triples)
    held = [_without(example, choices) for example, choices in zip(held, chosen, strict=True)]
    report = score(gold, held, protocol)
    losses, faults = Counter[str](), []
    for example, found, choices in zip(gold, held, chosen, strict=True):
        missing = _missing(example, found, rule)
        causes = _causes(head, example, found, choices, rule) if missing else {}
        for key, (relation, count) in missing.items():
            if key in causes:
                losses[causes[key]] += count
            else:
                faults.append((example, relation))
    wrong = Counter[str]()
    for limit, outcome in (choice for choices in chosen for choice in choices):
        wrong[limit.cause] += outcome.wrong
    triples = replace(report.triples, predicted=report.triples.predicted + wrong.total())
    return OracleReport(
        replace(report, triples=triples), dict(losses.most_common()), {c: n for c, n in wrong.most_common() if n},
        faults, any(limits), head.finds_relations,
    )  # fmt: skip


def oracle_decode(head: Head, gold: Sequence[Example]) -> list[Example]:
    """What a model that has learnt the targets perfectly would say of each sentence."""
    corpus = TensorDataset(gold, lambda example: head.targets(example).arrays)
    loader = DataLoader(batch_size=256, max_tokens=8192)
    return loader.apply(head.oracle, corpus)


def _best_choices(limits: Sequence[Sequence[Limit]], plain: Counts) -> list[list[Choice]]:
    """The outcomes of all limits that together leave the best F1.

    F1 is a ratio, 2 correct / (predicted + gold): where it is f at best, a correct triple is worth 2 - f and a wrong
    one costs f (Dinkelbach 1967).
    """
    best = 1.0
    for _ in range(MOST_ROUNDS):
        chosen = [[(limit, _cheapest(limit, best)) for limit in of_sentence] for of_sentence in limits]
        outcomes = [outcome for choices in chosen for _, outcome in choices]
        lost, wrong = (sum(parts) for parts in ([len(o.lost) for o in outcomes], [o.wrong for o in outcomes]))
        f1 = Counts(plain.predicted - lost + wrong, plain.gold, plain.correct - lost).f1
        if abs(f1 - best) < 1e-9:
            break
        best = f1
    return chosen


def _cheapest(limit: Limit, f1: float) -> Outcome:
    return min(limit.outcomes, key=lambda outcome: (2 - f1) * len(outcome.lost) + f1 * outcome.wrong)


def _correct(gold: Example, decoded: Example, protocol: Protocol) -> Example:
    wanted = {protocol.key(gold, relation) for relation in gold.relations}
    return replace(decoded, relations=[r for r in decoded.relations if protocol.key(decoded, r) in wanted])


def _without(example: Example, choices: Sequence[Choice]) -> Example:
    lost = {id(relation) for _, outcome in choices for relation in outcome.lost}
    return replace(example, relations=[r for r in example.relations if id(r) not in lost]) if lost else example


def _missing(gold: Example, found: Example, protocol: Protocol) -> dict[Key, tuple[Relation, int]]:
    """The gold triples that are missing, as the protocol counts them, with a relation of each and its number."""
    wanted, read = (Counter(protocol.key(e, relation) for relation in e.relations) for e in (gold, found))
    missing = wanted - read if protocol.multiset else Counter(wanted.keys() - read.keys())
    if not missing:
        return {}
    relations = {protocol.key(gold, relation): relation for relation in gold.relations}
    return {key: (relations[key], count) for key, count in missing.items()}


def _causes(head: Head, gold: Example, found: Example, choices: Sequence[Choice], protocol: Protocol) -> dict[Key, str]:
    """Why triples of a sentence are missing, by their key."""
    cut = (r for r in gold.relations if gold.cuts_token(r.head) or gold.cuts_token(r.tail))
    causes = {protocol.key(gold, relation): CUT for relation in cut}
    causes.update({protocol.key(found, relation): REPEATED for relation in found.relations})
    causes.update({protocol.key(gold, relation): cause for relation, cause in head.targets(gold).lost})
    for limit, outcome in choices:
        causes.update({protocol.key(found, relation): limit.cause for relation in outcome.lost})
    return causes


def _text(example: Example, entity: Entity) -> str:
    return repr(entity.text or " ".join(example.tokens[slice(*entity.span)]))


def _ratios(counts: Counts) -> dict[str, float]:
    return {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
