"""The oracle check: compute the best score that a head allows, whatever its model learns."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.errors import TrainingError
from relx.heads.faults import faults_of
from relx.heads.head import Head
from relx.limits import Limit, Outcome
from relx.registry import registered_name
from relx.scoring import Protocol, Report, find_protocol, score
from relx.scoring.counts import Counts
from relx.scoring.protocols import Key, span, typed_span
from relx.scoring.render import percentages
from relx.utils.text import counted, printable

Choice = tuple[Limit, Outcome]

CUT = "a mention cuts a token, and a head returns whole tokens, each place once"
REPEATED = "the data repeat the triple, and a head returns it once"
BESIDE_GOLD = "the oracle returns them beside the gold"
MOST_ROUNDS = 20
LONGEST_SENTENCE = 400


@dataclass(frozen=True)
class OracleReport:
    """The best score that a head allows, and the labels that it loses by cause.

    ``report`` is the score of ``Head.oracle``, less what the head's ``limits`` cost at least. ``losses`` add up to the
    gold triples that the score counts less those that it finds correct, apart from ``faults``: gold triples that are
    missing although the head lists no cause. ``wrong`` are the wrong triples that the oracle returns and that a limit
    adds. ``limited`` are the indices of the sentences in which a limit acts: the score is then an upper bound
    (``at_most``). ``not_counted`` are the limits whose cost is not known, with the number of their sentences. Of a head
    that finds no relations only the entities have a ceiling: ``losses`` and ``faults`` are then those of entities.
    """

    report: Report
    losses: dict[str, int]
    wrong: dict[str, int]
    faults: list[tuple[Example, Relation | Entity]]
    limited: list[int]
    not_counted: dict[str, int]
    finds_relations: bool
    finds_entities: bool = True

    @property
    def at_most(self) -> bool:
        """Whether the score is an upper bound."""
        return bool(self.limited)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        if not self.finds_relations:
            entities = {"entity_protocol": self.report.entity_protocol, "entities": _ratios(self.report.entities)}
            return {**entities, "at_most": self.at_most, "losses": self.losses}
        causes = {"at_most": self.at_most, "losses": self.losses, "wrong": self.wrong}
        return {"protocol": self.report.protocol, **_ratios(self.report.triples), **causes}

    def __str__(self) -> str:
        bound = "at most " if self.at_most else ""
        if self.finds_relations:
            whose, what = "the model's" if self.at_most else "the scheme's", "triple"
            given = "" if self.finds_entities else "the head is given the gold entities; "
            lines = [f"{given}{whose} ceiling is {bound}{percentages(self.report.triples)} ({self.report.protocol})"]
        else:
            ratios, what = f"{percentages(self.report.entities)} ({self.report.entity_protocol})", "entity"
            lines = [f"the head finds no relations; the scheme's ceiling of entities is {bound}{ratios}"]
        lines += [f"{counted(count, what)} lost: {cause}" for cause, count in self.losses.items()]
        lines += [f"{counted(count, 'wrong triple')} added: {cause}" for cause, count in self.wrong.items()]
        uncounted = self.not_counted.items()
        lines += [f"{counted(count, 'sentence')} with a limit of unknown cost: {cause}" for cause, count in uncounted]
        return "\n  ".join(lines)

    def require_no_fault(self, head: Head) -> None:
        """Raise TrainingError, with a sentence and a label, where the head loses gold labels without a cause."""
        if not self.faults:
            return
        example, label = self.faults[0]
        what, where = ("triple", "lost") if self.finds_relations else ("entity", "lost_entities")
        raise TrainingError(
            f"the head {registered_name(head)!r} is at fault: its oracle lacks "
            f"{counted(len(self.faults), f'gold {what}')} that its targets do not list as lost\n"
            f"  missing: {_shown(example, label)}\n"
            f"  sentence: {printable(' '.join(example.tokens), LONGEST_SENTENCE)}\n"
            f"  Correct targets, oracle or decode, or list such labels with their cause in Targets.{where}"
        )


def oracle_check(head: Head, gold: Sequence[Example], protocol: str) -> OracleReport:
    """Encode gold as targets, decode them, apply the head's limits, score.

    Raises DataError as ``score`` does, and TrainingError for a head that fails.
    """
    rule, decoded = find_protocol(protocol), oracle_decode(head, gold)
    correct = [_correct(*pair, rule) for pair in zip(gold, decoded, strict=True)]
    with faults_of(head, "limits"):
        limits = [list(head.limits(example)) for example in correct]
    # Where limits act, wrong triples of the scheme itself may be among those that the limits add: these count alone.
    held = [own if of else other for own, of, other in zip(correct, limits, decoded, strict=True)]
    chosen = _best_choices(limits, score(gold, held, protocol).triples)
    held = [_without(example, choices) for example, choices in zip(held, chosen, strict=True)]
    report = score(gold, held, protocol)
    wrong = Counter({BESIDE_GOLD: report.triples.predicted - report.triples.correct})
    for limit, outcome in (choice for choices in chosen for choice in choices):
        wrong[limit.cause] += outcome.wrong
    triples = replace(report.triples, predicted=report.triples.correct + wrong.total())
    if head.finds_relations:
        losses, faults = _lost_triples(head, gold, held, chosen, rule)
    else:
        losses, faults = _lost_entities(head, gold, held, typed_span if report.per_entity_type else span)
    return OracleReport(
        report=replace(report, triples=triples),
        losses=dict(losses.most_common()),
        wrong={cause: count for cause, count in wrong.most_common() if count},
        faults=faults,
        limited=[index for index, of_sentence in enumerate(limits) if of_sentence],
        not_counted=dict(Counter(limit.cause for limit in chain(*limits) if Outcome() in limit.outcomes)),
        finds_relations=head.finds_relations,
        finds_entities=head.finds_entities,
    )


def oracle_decode(head: Head, gold: Sequence[Example]) -> list[Example]:
    """Return what a model predicts that has learned the targets perfectly. Raises TrainingError if the head fails."""
    with faults_of(head, "targets"):
        corpus = TensorDataset(gold, lambda example: head.targets(example).arrays)
    loader = DataLoader(batch_size=256, max_tokens=8192)
    with faults_of(head, "oracle"):
        return loader.apply(head.oracle, corpus)


def _lost_triples(
    head: Head, gold: Sequence[Example], held: Sequence[Example], chosen: Sequence[Sequence[Choice]], rule: Protocol
) -> tuple[Counter[str], list[tuple[Example, Relation | Entity]]]:
    """Count the gold triples that are missing by cause, and list those without one."""
    losses, faults = Counter[str](), list[tuple[Example, Relation | Entity]]()
    for example, found, choices in zip(gold, held, chosen, strict=True):
        missing = _missing(example, found, rule)
        causes = _causes(head, example, found, choices, rule) if missing else {}
        for key, (relation, count) in missing.items():
            if key in causes:
                losses[causes[key]] += count
            else:
                faults.append((example, relation))
    return losses, faults


def _lost_entities(
    head: Head, gold: Sequence[Example], held: Sequence[Example], key: Callable[[Example, Entity], Hashable]
) -> tuple[Counter[str], list[tuple[Example, Relation | Entity]]]:
    """Count the gold entities that are missing by cause, and list those without one."""
    losses, faults = Counter[str](), list[tuple[Example, Relation | Entity]]()
    for example, found in zip(gold, held, strict=True):
        read = {key(found, entity) for entity in found.entities}
        missing = {key(example, e): e for e in example.entities if key(example, e) not in read}
        if missing:
            causes = {key(example, e): CUT for e in example.entities if example.cuts_token(e)}
            causes |= {key(example, entity): cause for entity, cause in head.targets(example).lost_entities}
            losses.update(causes[one] for one in missing if one in causes)
            faults += [(example, entity) for one, entity in missing.items() if one not in causes]
    return losses, faults


def _best_choices(limits: Sequence[Sequence[Limit]], plain: Counts) -> list[list[Choice]]:
    """Return the outcomes of all limits that together give the best F1.

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
    """Return the gold triples that are missing under the protocol, with a relation of each and its number."""
    wanted, read = (Counter(protocol.key(e, relation) for relation in e.relations) for e in (gold, found))
    missing = wanted - read if protocol.multiset else Counter(wanted.keys() - read.keys())
    if not missing:
        return {}
    relations = {protocol.key(gold, relation): relation for relation in gold.relations}
    return {key: (relations[key], count) for key, count in missing.items()}


def _causes(head: Head, gold: Example, found: Example, choices: Sequence[Choice], protocol: Protocol) -> dict[Key, str]:
    """Return the cause of each missing triple of a sentence, by its key."""
    cut = (r for r in gold.relations if gold.cuts_token(r.head) or gold.cuts_token(r.tail))
    causes = {protocol.key(gold, relation): CUT for relation in cut}
    causes.update({protocol.key(found, relation): REPEATED for relation in found.relations})
    causes.update({protocol.key(gold, relation): cause for relation, cause in head.targets(gold).lost})
    for limit, outcome in choices:
        causes.update({protocol.key(found, relation): limit.cause for relation in outcome.lost})
    return causes


def _shown(example: Example, label: Relation | Entity) -> str:
    if isinstance(label, Relation):
        return f"({_text(example, label.head)}, {label.type}, {_text(example, label.tail)})"
    return f"{_text(example, label)}, {label.type}" if label.type is not None else _text(example, label)


def _text(example: Example, entity: Entity) -> str:
    return repr(entity.text or " ".join(example.tokens[slice(*entity.span)]))


def _ratios(counts: Counts) -> dict[str, float]:
    return {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
