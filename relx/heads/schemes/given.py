"""Relations between given entities: the entities as spans, the pairs to score, and what was found as relations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Relation
from relx.data.spans import Spans, find
from relx.data.vocabulary import Namespace
from relx.heads.schemes.triples import SpanTriples

Given = Sequence[Sequence[Entity]]


def given_spans(entities: Given, batch: Batch, labels: Sequence[int] | None = None) -> Spans:
    """Return the given entities of all sentences as spans, in their order, with these labels (default: 0)."""
    flat = [(row, *entity.span) for row, of_sentence in enumerate(entities) for entity in of_sentence]
    row, start, end = torch.tensor(flat, device=batch.mask.device).reshape(-1, 3).long().T.contiguous()
    label = torch.zeros_like(row) if labels is None else torch.tensor(labels, device=row.device, dtype=row.dtype)
    return Spans(row, label, start, end - 1, torch.ones_like(row, dtype=torch.float))


def candidate_objects(given: Spans, subjects: Spans) -> Spans:
    """Return, for each subject, every given entity of its sentence; the batch index is that of the subject."""
    same = subjects.batch_index.unsqueeze(1) == given.batch_index  # [subjects, given]
    row, entity = same.nonzero(as_tuple=True)
    return given.select(entity).with_rows(row)


def triples_of_subjects(given: Spans, subjects: Spans, objects: Spans, length: int, allow_self: bool) -> SpanTriples:
    """Join subjects with their objects, both of them given entities. A score is the subject's times the object's.

    The batch index of an object is that of its subject. ``length`` is that of the longest sentence.
    """
    head, _ = find(subjects, given, length)
    tail, _ = find(objects.with_rows(subjects.batch_index[objects.batch_index]), given, length)
    head, score = head[objects.batch_index], subjects.score[objects.batch_index] * objects.score
    kept = torch.ones_like(head, dtype=torch.bool) if allow_self else head != tail
    return SpanTriples(given, objects.label[kept], head[kept], tail[kept], score[kept])


def given_relations(found: SpanTriples, entities: Given, relations: Namespace) -> list[list[Relation]]:
    """Return the relations of each sentence, between the given entities themselves."""
    flat = [(row, entity) for row, of_sentence in enumerate(entities) for entity in of_sentence]
    between: list[list[Relation]] = [[] for _ in entities]
    for relation, head, tail, score in zip(
        *map(Tensor.tolist, (found.relation, found.head, found.tail, found.score)), strict=True
    ):
        row, subject = flat[head]
        between[row].append(Relation(subject, relations[relation], flat[tail][1], score))
    return between
