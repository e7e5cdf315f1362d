"""From entities over subjects to objects: how the cascade arrives at triples, whoever finds the spans."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.head import NOT_LOCATED, UNKNOWN, HeadOutput, Targets, prediction
from relx.heads.pair_scorers import TableCells
from relx.heads.spans.spans import Spans, best_labels, find
from relx.heads.spans.tagger import cut_short

SELF = "head and tail are the same mention"
UNLISTED = "mention is not among the entities, or of a type never seen in training"
SHADOWED = "another entity has the same place"
CUT_SHORT = "a start takes its nearest end, which is that of another mention"

# The number of an entity's label; None for one that cannot be learnt.
LabelOf = Callable[[Entity, Example], int | None]


class SpanTripleTargets:
    """Writes a sentence's entities and its relations between them as arrays.

    Of several entities at one place the first is learnt. ``allow_self`` says whether a mention may be related to
    itself.
    """

    def __init__(self, relations: Namespace, label_of: LabelOf, allow_self: bool) -> None:
        self.relations = relations
        self.label_of = label_of
        self.allow_self = allow_self

    def write(self, example: Example) -> Targets:
        """``entity_spans`` [entities, 3]: label from 1, first and last token, in the order of the text; ``triples``
        [triples, 3]: relation from 1, and the places of head and tail among the entities.
        """
        entities = self._entities(example)
        spans = [(label + 1, start, end - 1) for (start, end), (_, label) in entities.items()]
        places = {span: place for place, span in enumerate(entities)}
        triples: dict[tuple[int, int, int], None] = {}
        lost = []
        for relation in example.relations:
            cause = self._cause(relation, example, entities)
            if cause in (None, SHADOWED):
                number = self.relations.get(relation.type)
                assert number is not None
                triples.setdefault((number + 1, places[relation.head.span], places[relation.tail.span]))
            if cause is not None:
                lost.append((relation, cause))
        return Targets({"entity_spans": _array(spans), "triples": _array(list(triples))}, lost)

    def cut_short(self, example: Example, found: Targets, entities: bool) -> list[tuple[Relation, str]]:
        """The relations held by the targets whose subject or object is lost when each start takes its nearest end.

        ``entities`` says whether entities of one label compete in this way too.
        """
        lost = {relation for relation, _ in found.lost}
        held = [relation for relation in example.relations if relation not in lost]
        mentions: dict[Hashable, set[tuple[int, int]]] = defaultdict(set)
        for label, start, last in found.arrays["entity_spans"].tolist() if entities else ():
            mentions[label].add((start, last + 1))
        objects: dict[Hashable, set[tuple[int, int]]] = defaultdict(set)
        for relation in held:
            objects[relation.head.span, relation.type].add(relation.tail.span)
        unfound = set().union(*map(cut_short, mentions.values()))
        unfound_heads = unfound | cut_short({relation.head.span for relation in held})
        short = {key: cut_short(spans) for key, spans in objects.items()}
        return [
            (r, CUT_SHORT)
            for r in held
            if r.head.span in unfound_heads or r.tail.span in unfound | short[r.head.span, r.type]
        ]

    def _entities(self, example: Example) -> dict[tuple[int, int], tuple[Entity, int]]:
        """The entity and label at each place, in the order of the text."""
        found: dict[tuple[int, int], tuple[Entity, int]] = {}
        for entity in example.entities:
            label = self.label_of(entity, example) if entity.located else None
            if label is not None:
                found.setdefault(entity.span, (entity, label))
        return dict(sorted(found.items()))

    def _cause(
        self, relation: Relation, example: Example, entities: dict[tuple[int, int], tuple[Entity, int]]
    ) -> str | None:
        """Why a relation does not come back as it is."""
        if not relation.located:
            return NOT_LOCATED
        if relation.type not in self.relations:
            return UNKNOWN
        if relation.head.span == relation.tail.span and not self.allow_self:
            return SELF
        mentions = (relation.head, relation.tail)
        if any(mention.span not in entities for mention in mentions):
            return UNLISTED
        shadowed = any(entities[m.span][1] != self.label_of(m, example) for m in mentions)
        return SHADOWED if shadowed else None


@dataclass(frozen=True)
class GoldTriples:
    """The targets of a batch: all entities, and for each triple its relation and the numbers of its head and tail."""

    entities: Spans
    relation: Tensor
    head: Tensor
    tail: Tensor

    @classmethod
    def of(cls, batch: Batch) -> "GoldTriples":
        """What ``SpanTripleTargets`` wrote of each sentence."""
        spans, triples = batch["entity_spans"], batch["triples"]
        real = spans[..., 0] > 0
        number = real.flatten().cumsum(0).view_as(real) - 1
        row, place = triples[..., 0].nonzero(as_tuple=True)
        relation, head, tail = triples[row, place].unbind(dim=-1)
        entities = Spans.of_cells(TableCells.unpadded(spans))
        return cls(entities, relation - 1, number[row, head], number[row, tail])

    @property
    def subjects(self) -> Tensor:
        """The numbers of the entities that are heads, in order."""
        return self.head.unique()

    def objects(self, subjects: Spans, length: int) -> Spans:
        """The tails of these subjects in rows of ``length`` tokens: labels are relations, rows numbers of subjects.

        ``subjects`` are in the order of the text, no two at one place.
        """
        number, known = find(self.entities.select(self.head), subjects, length)
        tails = self.entities.select(self.tail)
        return Spans(number, self.relation, tails.start, tails.last, tails.score).select(known)


def _array(rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int32).reshape(-1, 3)


class Finder(Protocol):
    """Finds the spans of each step; what is found earlier is given to the later steps."""

    def entities(self) -> Spans:
        """Spans of any label, rows being sentences."""

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """Subjects in these sentences, rows being sentences of the batch."""

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """Objects by relation, rows being numbers of subjects, which are some of the entities."""


class SpanTripleDecoder:
    """A subject or an object that is not among the entities is dropped: it has no type."""

    def __init__(self, relations: Namespace, allow_self: bool) -> None:
        self.relations = relations
        self.allow_self = allow_self

    def take(self, finder: Finder, shape: torch.Size, joint: bool) -> HeadOutput:
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

    def decode(self, scores: HeadOutput, examples: Sequence[Example], types: Sequence[str | None]) -> list[Example]:
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
