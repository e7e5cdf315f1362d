"""CasRel, in early papers HBT: cascade binary tagging (Wei et al. 2020)."""

from typing import Literal

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, HeadOutput, Limit, Targets, prediction
from relx.heads.schemes.limits import Tied, limit_of_ties
from relx.heads.schemes.triples import SpanTriples, SpanTripleTargets
from relx.heads.spans import Spans, SpanTagger, SpanTask
from relx.heads.spans.spans import mean_of_endpoints
from relx.heads.spans.tagger import gammas
from relx.registry import Injected
from relx.utils.argument_checks import require_effect

Span = tuple[int, int]

SYMMETRIC = "of two subjects of one token each, the sum cannot tell head from tail"


@Head.register("casrel")
class CasRel(Head):
    """Subjects first, then for each relation the objects of each subject; a span is a start with its nearest end.

    Objects are told of their subject by the mean of the vectors of its first and last token: every token's vector has
    it added (``conditioning``: sum), or beside it (concatenated). Of mentions that are one token each, the sum scores
    (s, r, o) just like (o, r, s), so that both are found wherever o is a subject too; word pieces, which the paper
    tags, are seldom so alike. In training the objects of one gold subject of a sentence are learnt, each time a random
    one (``subjects``: sampled), or those of all. ``subject_spans`` and ``object_spans`` weigh the losses of the tasks
    and set their thresholds; nothing is matched, so gamma has no effect. Mentions outside of triples are not found.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        subjects: Literal["sampled", "all"] = "sampled",
        conditioning: Literal["sum", "concatenated"] = "sum",
        subject_spans: SpanTask | None = None,
        object_spans: SpanTask | None = None,
        allow_self: bool = True,
    ) -> None:
        super().__init__()
        tasks = {"subject_spans": subject_spans, "object_spans": object_spans}
        require_effect(CasRel, {"a span of a start and its nearest end": gammas(tasks)})
        self.sampled, self.summed = subjects == "sampled", conditioning == "sum"
        self.relations = vocabulary.relations()
        self.scheme = SpanTripleTargets(self.relations, lambda entity, example: 0, allow_self)
        self.subject = SpanTagger(input_dim, 1, subject_spans, "nearest")
        size = input_dim if self.summed else 2 * input_dim
        self.object = SpanTagger(size, len(self.relations), object_spans, "nearest")

    def targets(self, example: Example) -> Targets:
        """What ``SpanTripleTargets.write`` makes of the sentence, all mentions having one label."""
        found = self.scheme.write(example)
        return Targets(found.arrays, found.lost + self.scheme.cut_short(example, found, entities=False))

    def limits(self, held: Example) -> list[Limit]:
        """Those of the ``sum``: of mentions of one token each, (s, r, o) and (o, r, s) have the same score."""
        if not self.summed:
            return []
        subjects = {relation.head.span for relation in held.relations}
        wanted = {(r.type, r.head.span, r.tail.span): r for r in held.relations}
        pairs: dict[tuple[str, frozenset[Span]], list[Tied]] = {}
        for kind, head, tail in wanted:
            if head != tail and {head, tail} <= subjects and {_size(head), _size(tail)} == {1}:
                both = [Tied(one, wanted.get((kind, one, other))) for one, other in ((head, tail), (tail, head))]
                pairs[kind, frozenset((head, tail))] = both
        return limit_of_ties(SYMMETRIC, pairs.values(), held.relations)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute ``subject`` [batch, length, d], ``object`` [subjects, length, d'], and the numbers of these
        ``subjects`` among the gold mentions.
        """
        encoded, gold = encode(batch), SpanTriples.gold(batch)
        tried = self._tried(gold, len(batch))
        objects = self._told(encoded, gold.entities.select(tried))
        return {"subject": encoded, "object": objects, "subjects": tried}

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Find subjects, then the objects of each."""
        encoded = encode(batch)
        subjects = self.subject(encoded, batch.mask)
        objects = self.object(self._told(encoded, subjects), batch.mask[subjects.batch_index])
        return self.read(subjects, objects, batch)

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Binary cross entropies of subjects and of the objects of those that are tried, averaged over sentences."""
        gold, length = SpanTriples.gold(batch), batch.mask.shape[1]
        tried = gold.entities.select(scores["subjects"])
        total = self.subject.loss(scores["subject"], batch.mask, gold.entities.select(gold.subjects))
        total = total + self.object.loss(scores["object"], batch.mask[tried.batch_index], gold.objects(tried, length))
        return total / len(batch)

    def read(self, subjects: Spans, objects: Spans, batch: Batch) -> list[Example]:
        """Make a triple of each object, whose row is the number of its subject; the score is the product of both."""
        found: list[list[Relation]] = [[] for _ in batch.examples]
        heads = [(row, Entity(start, last + 1, score=score)) for row, _, start, last, score in subjects.items()]
        for subject, label, start, last, score in objects.items():
            row, head = heads[subject]
            tail = Entity(start, last + 1, score=score)
            if head.span != tail.span or self.scheme.allow_self:
                found[row].append(Relation(head, self.relations[label], tail, (head.score or 0) * score))
        return [prediction(example, [], relations) for example, relations in zip(batch.examples, found, strict=True)]

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold subjects and their gold objects, as far as nearest ends spell them."""
        gold, shape = SpanTriples.gold(batch), batch.mask.shape
        subjects = self.subject.oracle(gold.entities.select(gold.subjects), shape)
        objects = gold.objects(subjects, shape[1])
        return self.read(subjects, self.object.oracle(objects, torch.Size((len(subjects), shape[1]))), batch)

    def _tried(self, gold: SpanTriples, sentences: int) -> Tensor:
        """The numbers of the subjects whose objects are learnt, in order."""
        subjects = gold.subjects
        if not self.sampled:
            return subjects
        row = gold.entities.batch_index[subjects]
        lots = torch.rand(len(subjects), device=row.device)
        drawn = lots.new_zeros(sentences).scatter_reduce(0, row, lots, "amax")
        return subjects[lots == drawn[row]]

    def _told(self, encoded: Tensor, subjects: Spans) -> Tensor:
        """The vectors of each subject's sentence with the subject's own: [subjects, length, d']."""
        tokens = encoded[subjects.batch_index]
        own = mean_of_endpoints(encoded, subjects).unsqueeze(1)
        return tokens + own if self.summed else torch.cat((tokens, own.expand_as(tokens)), dim=-1)


def _size(span: Span) -> int:
    start, end = span
    return end - start
