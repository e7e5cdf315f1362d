"""Decide which candidates of a head are returned, and with which score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from relx.calibration.calibration import LEAST_PROBABILITY, TASKS, Calibration, TaskCalibration
from relx.calibration.curves import least_score
from relx.calibration.min_score import LeastScores, MinScore, resolve
from relx.data.example import Entity, Example
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.heads.head import Thresholds

# What makes the sentences with the entities between which relations are predicted.
Given = Callable[[Sequence[Example]], list[Example]]
NO_SCORES = "the predictions of this head have no scores, so a minimum score has no effect"


class TaskDecision:
    """Decide on the entities, or on the relations: by a minimum score, by the calibration's threshold, or by the head.

    ``own`` is the head's threshold of the task. ``floor`` is the probability down to which the head has to decode.
    """

    def __init__(self, own: float, calibration: TaskCalibration, least: LeastScores) -> None:
        self.curve = calibration.curve
        self.by_type = least.by_type
        self.rest = calibration.threshold if least.rest is None else least.rest
        needed = [least_score(self.curve(type), bound) for type, bound in least.by_type.items()]
        if self.rest is not None:
            curves = [calibration.shared, *calibration.by_type.values()]
            needed += [least_score(curve, self.rest) for curve in curves]
        self.floor = max(min([own, *needed]), min(own, LEAST_PROBABILITY))
        # Where the head has to decode more than by itself, its own threshold is left to the types without a bound.
        self.own = own if self.floor < own else 0.0

    def __call__(self, type: str | None, raw: float | None) -> tuple[bool, float | None]:
        """Return whether a prediction is returned, and its score. Raises ConfigError for a bound without scores."""
        bound = self.rest if type is None else self.by_type.get(type, self.rest)
        if raw is None:
            if bound:
                raise ConfigError(NO_SCORES)
            return True, None
        score = float(self.curve(type)([raw])[0])
        return raw >= self.own if bound is None else score >= bound, score


class Decision:
    """Turn the candidates of a sentence into its predictions.

    Every entity and every relation has at least the score that is asked of its type, and a relation has both its
    arguments among the entities. An entity that the head found only as an argument stays as long as one of its
    relations does. Without ``calibration`` the scores are those of the head. ``given`` prepares sentences whose
    entities are given: these stay as they are. ``added`` are descriptions of relations that the head has not learned:
    they are marked as ``unseen``.
    """

    def __init__(
        self,
        own: Thresholds,
        vocabulary: Vocabulary,
        calibration: Calibration | None,
        min_score: MinScore | None,
        given: Given | None = None,
        added: Mapping[str, str] | None = None,
    ) -> None:
        self.added = added or {}
        """The descriptions of relations that the head has not learned."""
        least = resolve(min_score, vocabulary, self.added)
        calibration = calibration or Calibration()
        self.entities, self.relations = (
            TaskDecision(getattr(own, task), getattr(calibration, task), least[task]) for task in TASKS
        )
        floors = Thresholds(self.entities.floor, self.relations.floor)
        self.at = None if floors == own else floors
        """The thresholds at which the head has to decode; None for its own."""
        self.given = given

    def __call__(self, example: Example) -> Example:
        """Return the sentence with those candidates that count. Raises ConfigError for a bound without scores."""
        if self.given is not None:
            return self._between_given(example)
        entities: dict[Entity, Entity] = {}
        for entity in example.mentions():
            kept, score = self.entities(entity.type, entity.score)
            if kept:
                entities[entity] = entity._replace(score=score)
        decided = example.unlabeled()
        for relation in example.relations:
            kept, score = self.relations(relation.type, relation.score)
            if kept and relation.head in entities and relation.tail in entities:
                head, tail = entities[relation.head], entities[relation.tail]
                unseen = relation.type in self.added
                decided.relations.append(relation._replace(head=head, tail=tail, score=score, unseen=unseen))
        related = {argument.span for r in decided.relations for argument in (r.head, r.tail)}
        gone = example.only_arguments - related
        decided.entities = [entities[e] for e in example.entities if e in entities and e.span not in gone]
        decided.only_arguments = example.only_arguments & related
        return decided

    def _between_given(self, example: Example) -> Example:
        """Decide on the relations alone."""
        decided = replace(example, relations=[])
        for relation in example.relations:
            kept, score = self.relations(relation.type, relation.score)
            if kept:
                decided.relations.append(relation._replace(score=score, unseen=relation.type in self.added))
        return decided
