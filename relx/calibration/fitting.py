"""Fit the curves of an archive's scores on validation data, choose its thresholds, and measure both in other folds."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from relx.calibration.calibration import Calibration, TaskCalibration
from relx.calibration.curves import Curve, Identity, Isotonic, Logistic
from relx.calibration.decision import Decision
from relx.calibration.items import Items, entity_items, relation_items
from relx.data.example import Example
from relx.data.loader import DataLoader, Map
from relx.data.vocabulary import Vocabulary
from relx.data.windows import merged
from relx.errors import ConfigError, DataError
from relx.heads.head import Thresholds
from relx.model import JointExtractor
from relx.scoring.counts import Counts
from relx.scoring.protocols import Protocol
from relx.scoring.report import entity_key
from relx.utils.text import aligned, counted

logger = logging.getLogger(__name__)

DIAGRAM = "reliability.svg"
FOLDS = 5
# A relation type with fewer predictions has the curve that all types share.
LEAST_OF_TYPE = 20
# A curve replaces a simpler one only if its log-likelihood is greater by this: it has two more parameters.
LEAST_GAIN = 2.0
# Predictions with lower scores do not take part: there are very many of them, nearly all wrong.
FLOOR = 0.05

Fit = Callable[[Items], Curve]


def as_scored(_: Items) -> Curve:
    """Leave the scores as they are."""
    return Identity()


FITS: tuple[Fit, ...] = (
    lambda items: Isotonic.fit(items.score, items.correct),
    lambda items: Logistic.fit(items.score, items.correct),
)


class NothingToFit(DataError):
    """Sentences in which a model predicts nothing, or nothing that is correct."""


@dataclass(frozen=True)
class Sample:
    """Hold labeled sentences and what a head makes of them: what it predicts, and its candidates.

    ``own`` are the thresholds of the head, ``at`` those at which the candidates were decoded.
    """

    gold: Sequence[Example]
    predicted: Sequence[Example]
    candidates: Sequence[Example]
    own: Thresholds
    at: Thresholds
    vocabulary: Vocabulary
    rule: Protocol
    finds_relations: bool = True

    @classmethod
    def of(
        cls, model: JointExtractor, gold: Sequence[Example], loader: DataLoader, rule: Protocol, over: Map = map
    ) -> "Sample":
        """Predict labeled sentences, which have the annotations that the model needs, twice.

        Windows are merged into their documents: else neighboring folds would share their sentences.
        """
        own, head = model.head.thresholds, model.head
        at = Thresholds(own.entities if head.rereads_entities else min(own.entities, FLOOR), min(own.relations, FLOOR))
        predicted = model.extract(gold, loader, over)
        candidates = predicted if at == own else model.extract(gold, loader, over, at)
        finds_relations = head.finds_relations and len(model.vocabulary.namespaces.get("relations", ())) > 0
        whole = merged(gold), merged(predicted), merged(candidates)
        return cls(*whole, own, at, model.vocabulary, rule, finds_relations)

    def select(self, which: Sequence[int]) -> "Sample":
        """Return some of the sentences."""
        gold, predicted, candidates = (
            [part[i] for i in which] for part in (self.gold, self.predicted, self.candidates)
        )
        return replace(self, gold=gold, predicted=predicted, candidates=candidates)

    def decided(self, calibration: Calibration) -> list[Example]:
        """Return the predictions of the head with a calibration."""
        decision = Decision(self.own, self.vocabulary, calibration, None)
        by_head = calibration.relations.threshold is None
        return [decision(example) for example in (self.predicted if by_head else self.candidates)]

    def counts(self, calibration: Calibration) -> tuple[Counts, Counts]:
        """Count the entities and the relations of the head with a calibration."""
        predicted = self.decided(calibration)
        of_relations = relation_items(self.gold, predicted, self.rule)
        return entity_items(self.gold, predicted).counts, of_relations.counts


def fit(sample: Sample, precision: float | None = None) -> Calibration:
    """Fit the curves, and choose the thresholds with the best F1 of entities and relations together.

    Neither F1 is below that of the head's own predictions. With ``precision`` the thresholds are those with the best
    recall of relations whose precision is at least this. Raises ConfigError if there are none.
    """
    of_entities = entity_items(sample.gold, sample.candidates)
    entities = TaskCalibration(best_curve(of_entities))
    relations = fitted(relation_items(sample.gold, sample.candidates, sample.rule))
    own = Calibration(entities, relations)
    of_own = [counts.f1 for counts in sample.counts(own)]
    best, best_value = (own, sum(of_own)) if precision is None else (None, -1.0)
    for threshold in _entity_thresholds(sample, of_entities, entities, of_own[0]):
        bounded = replace(entities, threshold=threshold)
        tried = _with_threshold(sample, bounded, relations, of_own[1], precision)
        if tried is None:
            continue
        counts = sample.counts(tried)
        if precision is not None:
            value = counts[1].recall if counts[1].precision >= precision else -1.0
        else:
            f1s = [part.f1 for part in counts]
            value = sum(f1s) if f1s[0] >= of_own[0] and f1s[1] >= of_own[1] else -1.0
        if value > best_value:
            best, best_value = tried, value
    if best is None:
        raise ConfigError(_unreachable(sample, relations, precision))
    if best.entities.threshold is None:  # then the relations decide which entities there are
        remaining = sample.decided(Calibration(TaskCalibration(), best.relations))
        best = replace(best, entities=TaskCalibration(best_curve(entity_items(sample.gold, remaining))))
    return best


def fitted(items: Items) -> TaskCalibration:
    """Fit the shared curve, and one for each type with at least ``LEAST_OF_TYPE`` predictions that is better there.

    The shared curve is the identity unless a fitted one is better on predictions of other folds.
    """
    items = _probable(items)
    shared = _better(items, FITS, as_scored, np.ones(len(items), dtype=bool))
    by_type: dict[str, Curve] = {}
    for type in sorted(filter(None, set(items.type.tolist()))):
        here = items.type == type
        if here.sum() >= LEAST_OF_TYPE:
            own = _better(items, [as_scored, *(_of_type(type, fit) for fit in FITS)], shared, here)
            if own is not shared:
                by_type[type] = own(items)
    return TaskCalibration(shared(items), by_type)


def _better(items: Items, fits: Sequence[Fit], than: Fit, of: np.ndarray) -> Fit:
    """Return the fit with the best cross-fitted likelihood if it gains at least ``LEAST_GAIN``; else ``than``."""
    likelihoods = {fit: crossfitted_likelihood(items, fit, of) for fit in fits}
    best = max(fits, key=likelihoods.__getitem__)
    return best if likelihoods[best] > crossfitted_likelihood(items, than, of) + LEAST_GAIN else than


def best_curve(items: Items) -> Curve:
    """Fit the curve that cross-fitting prefers, which may be the identity."""
    return fitted(replace(items, type=np.full(len(items), None))).shared


def crossfitted_likelihood(items: Items, fit: Fit, of: np.ndarray) -> float:
    """Return the log-likelihood of the predictions that ``of`` marks, each under a curve of the other folds."""
    fold, total = items.sentence % FOLDS, 0.0
    for number in range(FOLDS):
        held, seen = of & (fold == number), items.select(fold != number)
        if held.any():
            curve = fit(seen) if len(seen) else Identity()
            p = np.clip(curve(items.score[held]), 1e-6, 1 - 1e-6)
            total += float(np.where(items.correct[held], np.log(p), np.log(1 - p)).sum())
    return total


def best_threshold(items: Items, least_f1: float = 0.0, precision: float | None = None) -> float | None:
    """Return the threshold with the best F1 to be expected, or with the best recall at this precision.

    What is expected follows from the scores, which are probabilities; it varies less than what happened to be correct.
    The F1 itself has to be at least ``least_f1``. The threshold lies halfway between the scores of the last prediction
    that counts and the first that does not. None if there is none.
    """
    order = np.argsort(-items.score, kind="stable")
    score, correct = items.score[order], items.correct[order].cumsum()
    predicted, gold = np.arange(1, len(items) + 1), items.gold.total()
    allowed = _ends(score)
    if precision is not None:
        value, allowed = correct, allowed & (correct >= precision * predicted)
    else:
        value, allowed = score.cumsum() / (predicted + gold), allowed & (2 * correct >= least_f1 * (predicted + gold))
    if not allowed.any():
        return None
    place = int(np.where(allowed, value, -1.0).argmax())
    following = score[place + 1] if place + 1 < len(items) else score[place]
    return float((score[place] + following) / 2)


def _ends(score: np.ndarray) -> np.ndarray:
    """Mark the last one of equal scores, which fall: they count together."""
    return np.append(score[1:] < score[:-1], True)[: len(score)]


def _of_type(type: str, fit: Fit) -> Fit:
    return lambda items: fit(items.select(items.type == type))


def _probable(items: Items) -> Items:
    return items.select(items.score >= FLOOR)


def _calibrated(items: Items, calibration: TaskCalibration) -> Items:
    score = np.array([calibration.curve(t)([s])[0] for t, s in zip(items.type, items.score, strict=True)], dtype=float)
    return replace(items, score=score)


def _entity_thresholds(
    sample: Sample, items: Items, calibration: TaskCalibration, least_f1: float
) -> Iterator[float | None]:
    """Return the threshold that the head has, and the one with the best F1 of entities."""
    lowered = sample.at.entities < sample.own.entities
    yield float(calibration.shared([sample.own.entities])[0]) if lowered else None
    yield best_threshold(_calibrated(_probable(items), calibration), least_f1)


def _with_threshold(
    sample: Sample, entities: TaskCalibration, relations: TaskCalibration, least_f1: float, precision: float | None
) -> Calibration | None:
    """Return the calibration with this threshold of entities and the best one of relations; None if there is none."""
    remaining = sample.decided(Calibration(entities, TaskCalibration(threshold=0.0)))
    items = _calibrated(_probable(relation_items(sample.gold, remaining, sample.rule)), relations)
    bound = best_threshold(items, least_f1, precision)
    return None if bound is None else Calibration(entities, replace(relations, threshold=bound))


def _unreachable(sample: Sample, relations: TaskCalibration, precision: float | None) -> str:
    items = _calibrated(_probable(relation_items(sample.gold, sample.candidates, sample.rule)), relations)
    order = np.argsort(-items.score, kind="stable")
    precisions = items.correct[order].cumsum() / np.arange(1, len(items) + 1)
    best = 100 * precisions[_ends(items.score[order])].max() if len(items) else 0.0
    return f"no threshold has a precision of {100 * (precision or 0):g} %: the best that any has here is {best:.1f} %"


@dataclass(frozen=True)
class TaskMeasures:
    """Hold the predictions of a task on validation data: as the head makes them, and calibrated, in unseen folds."""

    before: Items
    after: Items

    def parts(self) -> Iterator[tuple[str | None, "TaskMeasures"]]:
        """Return the measures of each type, the most frequent in gold first."""
        types = {*self.before.gold, *self.before.type.tolist(), *self.after.type.tolist()} - {None}
        for type in sorted(types, key=lambda name: (-self.before.gold[name], str(name))):
            yield type, TaskMeasures(self.before.of_type(type), self.after.of_type(type))

    def to_json(self) -> dict[str, float | int | None]:
        """Return counts, ratios and calibration errors, before and after."""
        shown: dict[str, float | int | None] = {}
        for when, items in (("before", self.before), ("after", self.after)):
            shown |= {f"{name}_{when}": value for name, value in items.counts.to_json().items()}
            shown[f"calibration_error_{when}"] = items.error
        return shown


@dataclass(frozen=True)
class Fitted:
    """Hold a calibration, and what cross-fitting measured: no sentence is scored by what it helped to fit."""

    calibration: Calibration
    entities: TaskMeasures
    relations: TaskMeasures
    protocol: str
    entity_protocol: str
    f1_before: float
    f1_after: float
    precision: float | None = None

    def __str__(self) -> str:
        """Show the scores and the calibration errors before and after as a table, and the thresholds."""
        rows = [_HEADER, _row(self.protocol, "all relations", self.relations, self.calibration.relations, None)]
        rows += [_row(self.protocol, str(t), m, self.calibration.relations, t) for t, m in self.relations.parts()]
        rows += [_row(self.entity_protocol, "all entities", self.entities, self.calibration.entities, None)]
        return "\n".join([*aligned(rows, left=3), "", *self._notes()])

    def _notes(self) -> Iterator[str]:
        yield (
            f"after: cross-fitted in {FOLDS} folds; no sentence is scored with a curve or a threshold that it helped "
            f"to choose. Types of fewer than {LEAST_OF_TYPE} predictions, and those that gain nothing by a curve of "
            "their own, share one."
        )
        if (least := self.relations.after.least_error) is not None:
            yield f"Scores without any error would show an ECE of about {100 * least:.1f} with so few relations."
        before, after = self.relations.before, self.relations.after
        fitted = not self.calibration.relations.keeps_scores
        if fitted and before.error is not None and after.error is not None and after.error > before.error:
            yield (
                "In the unseen folds the calibration error of relations grows: these are too few relations to "
                "calibrate. Take more data, or use the scores of the model (--raw-scores)."
            )
        yield f"chosen on all sentences: {self.calibration.summary()}"
        yield f"F1 of relations on all sentences: {100 * self.f1_before:.1f} before, {100 * self.f1_after:.1f} after"
        if self.precision is not None:
            yield (
                f"For a precision of {100 * self.precision:g} % the recall falls from "
                f"{100 * before.counts.recall:.1f} % to {100 * after.counts.recall:.1f} %, at a precision of "
                f"{100 * after.counts.precision:.1f} % in the unseen folds."
            )


_HEADER = (
    "protocol", "scored", "curve",
    "predicted", "P %", "R %", "F1 %", "ECE %", "after: predicted", "P %", "R %", "F1 %", "ECE %",
)  # fmt: skip


def _row(protocol: str, name: str, measures: TaskMeasures, task: TaskCalibration, type: str | None) -> tuple[str, ...]:
    own = type is None or type in task.by_type
    return (protocol, name, task.curve(type).to_json()["type"] if own else "shared", *_cells(measures))


def _cells(measures: TaskMeasures) -> Iterator[str]:
    for items in (measures.before, measures.after):
        counts, error = items.counts, items.error
        yield str(counts.predicted)
        yield from (f"{100 * ratio:.1f}" for ratio in (counts.precision, counts.recall, counts.f1))
        yield "" if error is None else f"{100 * error:.1f}"


def calibrate(sample: Sample, precision: float | None = None) -> Fitted:
    """Calibrate on labeled sentences; measure in folds, each of which is predicted with what the others gave.

    Raises NothingToFit without a single correct relation, or entity if the head finds no relations, and ConfigError for
    a precision that no threshold has.
    """
    _require_correct(sample)
    calibration = fit(sample, precision)
    unseen: list[Example] = [Example([])] * len(sample.gold)
    numbers = range(len(sample.gold))
    for fold in range(FOLDS):
        held = [i for i in numbers if i % FOLDS == fold]
        found = _fit_or_none(sample.select([i for i in numbers if i % FOLDS != fold]), precision)
        for i, predicted in zip(held, sample.select(held).decided(found), strict=True):
            unseen[i] = predicted
    entities = TaskMeasures(entity_items(sample.gold, sample.predicted), entity_items(sample.gold, unseen))
    relations = TaskMeasures(*(relation_items(sample.gold, of, sample.rule) for of in (sample.predicted, unseen)))
    _, entity_protocol = entity_key(sample.gold, sample.predicted)
    facts = {
        "protocol": sample.rule.name,
        "entity_protocol": entity_protocol,
        "sentences": len(sample.gold),
        "precision": precision,
        "entities": entities.to_json(),
        "relations": relations.to_json(),
    }
    f1s = relations.before.counts.f1, sample.counts(calibration)[1].f1
    calibration = replace(calibration, facts=facts)
    return Fitted(calibration, entities, relations, sample.rule.name, entity_protocol, *f1s, precision)


def _require_correct(sample: Sample) -> None:
    """Raise NothingToFit unless there is a correct relation, or entity if the head finds no relations."""
    if sample.finds_relations:
        what, items = "relation", relation_items(sample.gold, sample.candidates, sample.rule)
    else:
        what, items = "entity", entity_items(sample.gold, sample.candidates)
    if not len(items):
        raise NothingToFit(
            f"the model finds no {what} here, so there is nothing to calibrate: take sentences like those of the "
            f"training that hold the {what} types of the model"
        )
    if not items.correct.any():
        gold = counted(items.gold.total(), f"gold {what}")
        raise NothingToFit(
            f"none of the {counted(len(items), what)} that the model finds here is correct ({gold}), so there is "
            "nothing to calibrate: take sentences like those of the training, with all their labels"
        )


def _fit_or_none(sample: Sample, precision: float | None) -> Calibration:
    """Fit; where no threshold has the precision, no relation is returned."""
    try:
        return fit(sample, precision)
    except ConfigError:
        return replace(fit(sample), relations=TaskCalibration(threshold=1.0))


def save_diagram(fitted: Fitted, path: Path) -> Path | None:
    """Draw the reliability diagram, and return its path; without matplotlib, only say in the log what is missing.

    Raises ConfigError for an unknown ending, RelxError when the file cannot be written.
    """
    if find_spec("matplotlib") is None:
        logger.warning("no reliability diagram was drawn, which needs matplotlib: pip install 'relx[plots]'")
        return None
    from relx.calibration.plots import draw_calibration  # noqa: PLC0415 (an optional package)
    from relx.utils.figures import save  # noqa: PLC0415

    tasks = {
        f"relations ({fitted.protocol})": (fitted.relations.before, fitted.relations.after),
        f"entities ({fitted.entity_protocol})": (fitted.entities.before, fitted.entities.after),
    }
    save(draw_calibration(tasks), path)
    return path
