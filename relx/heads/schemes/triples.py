"""Triples between spans: gold labels -> arrays, arrays -> tensors, and triples found -> predictions."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.spans import Spans, TableCells, find
from relx.data.vocabulary import Namespace
from relx.heads.head import NOT_LOCATED, UNKNOWN, Given, Targets, prediction

SELF = "head and tail are the same mention"
UNLISTED = "mention is not among the entities, or of a type never seen in training"
SHADOWED = "another entity has the same place"
OVERLAPS = "mention overlaps a longer one"
CUT_SHORT = "its start is paired with a nearer end, which belongs to another mention"

# The id of an entity's label; None for one that cannot be learned.
LabelOf = Callable[[Entity, Example], int | None]
# Why a head cannot find an entity; None if it can.
FaultOf = Callable[[Entity, Example], str | None]
Span = tuple[int, int]


class SpanTripleTargets:
    """Write a sentence's entities, and its relations between them, as arrays.

    Of several entities with equal tokens the first is learned. ``allow_self`` says whether a mention may be related to
    itself. An entity that ``fault_of`` finds fault with, and its relations, are lost for that cause.
    """

    def __init__(
        self, relations: Namespace, label_of: LabelOf, allow_self: bool, fault_of: FaultOf = lambda *_: None
    ) -> None:
        self.relations = relations
        self.label_of = label_of
        self.allow_self = allow_self
        self.fault_of = fault_of

    def write(self, example: Example) -> Targets:
        """Write the targets of a sentence.

        ``entity_spans`` [entities, 3] holds label from 1, first and last token, in the order of the text.
        ``triples`` [triples, 3] holds relation from 1, and the indices of head and tail among the entities.
        """
        entities = self._entities(example)
        spans = [(label + 1, start, end - 1) for (start, end), label in entities.items()]
        index_of = {span: index for index, span in enumerate(entities)}
        triples: dict[tuple[int, int, int], None] = {}
        lost = []
        for relation in example.relations:
            cause = self._cause(relation, example, entities)
            if cause in (None, SHADOWED):
                label = self.relations.get(relation.type)
                assert label is not None
                triples.setdefault((label + 1, index_of[relation.head.span], index_of[relation.tail.span]))
            if cause is not None:
                fault = self.fault_of(relation.head, example) or self.fault_of(relation.tail, example)
                lost.append((relation, fault or cause))
        return Targets({"entity_spans": _array(spans), "triples": _array(list(triples))}, lost)

    def lost_entities(self, example: Example, unfound: Collection[tuple[int, Span]] = ()) -> list[tuple[Entity, str]]:
        """List the entities that do not come back as they are; a tagger leaves the spans ``unfound``, by labels."""
        held = self._entities(example)
        lost: list[tuple[Entity, str]] = []
        for entity in example.entities:
            label = self._label(entity, example)
            if not entity.located:
                lost.append((entity, NOT_LOCATED))
            elif label is None:
                lost.append((entity, self.fault_of(entity, example) or UNLISTED))
            elif held[entity.span] != label:
                lost.append((entity, SHADOWED))
            elif (label, entity.span) in unfound:
                lost.append((entity, CUT_SHORT))
        return lost

    def _label(self, entity: Entity, example: Example) -> int | None:
        return None if self.fault_of(entity, example) else self.label_of(entity, example)

    def _entities(self, example: Example) -> dict[Span, int]:
        """Return the label of each entity by its span, in the order of the text."""
        found: dict[Span, int] = {}
        for entity in example.entities:
            label = self._label(entity, example) if entity.located else None
            if label is not None:
                found.setdefault(entity.span, label)
        return dict(sorted(found.items()))

    def _cause(self, relation: Relation, example: Example, entities: dict[Span, int]) -> str | None:
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
        shadowed = any(entities[m.span] != self._label(m, example) for m in mentions)
        return SHADOWED if shadowed else None


def overlaps_longer(entity: Entity, example: Example) -> str | None:
    """Return the fault of a mention that tags cannot hold beside a longer one, of equally long ones the first."""
    if not entity.located:
        return None
    start, end = entity.span
    for other in example.entities:
        if other.located and other.span != entity.span and other.span[0] < end and start < other.span[1]:
            longer = len(range(*other.span)) - (end - start)
            if longer > 0 or (longer == 0 and other.span < entity.span):
                return OVERLAPS
    return None


def keep_triples(example: Example, written: Targets, kept: Sequence[bool], relations: Namespace, cause: str) -> Targets:
    """Keep some of the triples of ``SpanTripleTargets.write``; the relations of the others are lost for a cause."""
    spans = [(start, last + 1) for _, start, last in written.arrays["entity_spans"].tolist()]
    triples = written.arrays["triples"][np.array(kept, dtype=bool)]
    held = {(relations[relation - 1], spans[head], spans[tail]) for relation, head, tail in triples.tolist()}
    before = {id(relation) for relation, _ in written.lost}
    others = [relation for relation in example.relations if id(relation) not in before]
    lost = [(r, cause) for r in others if (r.type, r.head.span, r.tail.span) not in held]
    return Targets({**written.arrays, "triples": triples}, written.lost + lost, written.lost_entities)


def _array(rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int32).reshape(-1, 3)


@dataclass(frozen=True)
class SpanTriples:
    """Hold the entities of a batch, and triples between them as vectors: relation ids, indices of entities, scores.

    The entities are in the order of the sentences.
    """

    entities: Spans
    relation: Tensor
    head: Tensor
    tail: Tensor
    score: Tensor

    @classmethod
    def gold(cls, batch: Batch) -> "SpanTriples":
        """Read what ``SpanTripleTargets`` wrote of each sentence."""
        spans, triples = batch["entity_spans"], batch["triples"]  # [batch, most entities, 3], [batch, most triples, 3]
        real = spans[..., 0] > 0
        index = real.flatten().cumsum(0).view_as(real) - 1  # of each entity in the batch
        row, column = triples[..., 0].nonzero(as_tuple=True)
        relation, head, tail = triples[row, column].unbind(dim=-1)
        entities = Spans.from_cells(TableCells.unpadded(spans))
        score = torch.ones_like(relation, dtype=torch.float)
        return cls(entities, relation - 1, index[row, head], index[row, tail], score)

    @classmethod
    def none(cls, entities: Spans) -> "SpanTriples":
        """Return entities without any triple."""
        none = entities.label[:0]
        return cls(entities, none, none, none, entities.score[:0])

    @classmethod
    def of_subjects(
        cls, entities: Spans, subjects: Spans, objects: Spans, length: int, allow_self: bool
    ) -> "SpanTriples":
        """Join subjects, which are entities, with their objects, as far as these are entities too.

        The batch index of an object is that of its subject. A score is the subject's times the object's. ``length`` is
        that of the longest sentence.
        """
        head, _ = find(subjects, entities, length)
        tail, known = find(objects.with_rows(subjects.batch_index[objects.batch_index]), entities, length)
        head, score = head[objects.batch_index], subjects.score[objects.batch_index] * objects.score
        kept = known if allow_self else known & (tail != head)
        return cls(entities, objects.label[kept], head[kept], tail[kept], score[kept])

    @property
    def subjects(self) -> Tensor:
        """The indices of the entities that are heads, in order."""
        return self.head.unique()

    def objects(self, subjects: Spans, length: int) -> Spans:
        """Return the tails of these subjects, labeled by relations; the batch index of each is that of its subject.

        ``subjects`` are in the order of the text, no two with equal tokens, in rows of ``length`` tokens.
        """
        index, known = find(self.entities.select(self.head), subjects, length)
        tails = self.entities.select(self.tail)
        return Spans(index, self.relation, tails.start, tails.last, tails.score).select(known)

    def between(self, entities: Given, relations: Namespace) -> list[list[Relation]]:
        """Return the relations of each sentence, between these very entities: those of ``given_spans``."""
        flat = [(row, entity) for row, of_sentence in enumerate(entities) for entity in of_sentence]
        found: list[list[Relation]] = [[] for _ in entities]
        triples = zip(*map(Tensor.tolist, (self.relation, self.head, self.tail, self.score)), strict=True)
        for relation, head, tail, score in triples:
            row, subject = flat[head]
            found[row].append(Relation(subject, relations[relation], flat[tail][1], score))
        return found


class SpanTripleDecoder:
    """Make predictions of entities and triples. ``types`` are the entity types to predict, None for unknown ones."""

    def __init__(self, relations: Namespace, types: Sequence[str | None]) -> None:
        self.relations = relations
        self.types = types

    def decode(self, found: SpanTriples, examples: Sequence[Example]) -> list[Example]:
        """Return the sentences with these entities and triples."""
        mentions: list[list[Entity]] = [[] for _ in examples]
        for row, label, start, last, score in found.entities.items():
            mentions[row].append(Entity(start, last + 1, self.types[label], score=score))
        return list(map(prediction, examples, mentions, found.between(mentions, self.relations)))


def given_spans(entities: Given, batch: Batch, labels: Sequence[int] | None = None) -> Spans:
    """Return the given entities of all sentences as spans, in their order, with these labels (default: 0)."""
    flat = [(row, *entity.span) for row, of_sentence in enumerate(entities) for entity in of_sentence]
    row, start, end = torch.tensor(flat, device=batch.mask.device).reshape(-1, 3).long().T.contiguous()
    label = torch.zeros_like(row) if labels is None else torch.tensor(labels, device=row.device, dtype=row.dtype)
    return Spans(row, label, start, end - 1, torch.ones_like(row, dtype=torch.float))
