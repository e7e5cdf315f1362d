"""From entities over subjects to objects: how the cascade arrives at triples, whoever finds the spans."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.head import Scores
from relx.heads.prediction import prediction
from relx.heads.spans import Spans
from relx.heads.spans.spans import best_labels, find


class Finder(Protocol):
    """Finds the spans of each step; what is found earlier is given to the later steps."""

    def entities(self) -> Spans:
        """Spans of any label, rows being sentences."""

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """Subjects in these sentences, rows being sentences of the batch."""

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """Objects by relation, rows being numbers of subjects, which are some of the entities."""


class CascadeSteps:
    """A subject or an object that is not among the entities is dropped: it has no type."""

    def __init__(self, relations: Namespace, allow_self: bool) -> None:
        self.relations = relations
        self.allow_self = allow_self

    def take(self, finder: Finder, shape: torch.Size, joint: bool) -> Scores:
        """``entities`` [entities, 4] as ``Spans.numbers``, ``triples`` [triples, 3], relation and the numbers of head
        and tail among the entities, and the scores of both. ``shape`` is that of the batch's mask.
        """
        entities = best_labels(finder.entities(), shape[1])
        triples, scores = entities.numbers[:0, :3], entities.score[:0]
        if joint:
            triples, scores = self._triples(finder, entities, shape)
        return {
            "entities": entities.numbers,
            "entity_scores": entities.score,
            "triples": triples,
            "triple_scores": scores,
        }

    def decode(self, scores: Scores, examples: Sequence[Example], types: Sequence[str | None]) -> list[Example]:
        """What these scores say of the sentences; ``types`` are the labels of entities."""
        spans = Spans.stacked(scores["entities"], scores["entity_scores"])
        entities = [
            (row, Entity(start, last + 1, types[label], score=score))
            for row, label, start, last, score in spans.items()
        ]
        mentions: list[list[Entity]] = [[] for _ in examples]
        relations: list[list[Relation]] = [[] for _ in examples]
        for row, entity in entities:
            mentions[row].append(entity)
        for triple, score in zip(scores["triples"].tolist(), scores["triple_scores"].tolist(), strict=True):
            relation, head, tail = triple
            row, subject = entities[head]
            relations[row].append(Relation(subject, self.relations[relation], entities[tail][1], score))
        return list(map(prediction, examples, mentions, relations))

    def _triples(self, finder: Finder, entities: Spans, shape: torch.Size) -> tuple[Tensor, Tensor]:
        # A sentence with too few entities for a triple has no need of the later steps.
        count = torch.bincount(entities.row, minlength=shape[0])
        rows = (count >= (1 if self.allow_self else 2)).nonzero().squeeze(1)
        head, subjects = _among(entities, finder.subjects(entities, rows), shape[1])
        objects = finder.objects(entities, subjects)
        tail, known = find(objects.of_rows(subjects.row[objects.row]), entities, shape[1])
        head = head[objects.row]
        if not self.allow_self:
            known = known & (tail != head)
        score = subjects.score[objects.row] * objects.score
        return torch.stack((objects.label, head, tail), dim=1)[known], score[known]


def _among(entities: Spans, found: Spans, length: int) -> tuple[Tensor, Spans]:
    """The numbers, in order, of the entities that were found, and what was found in this order."""
    number, known = find(found, entities, length)
    number, order = number[known].sort()
    return number, found.select(known).select(order)
