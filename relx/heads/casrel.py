"""CasRel, in early papers HBT: cascade binary tagging (Wei et al. 2020, ACL)."""

from typing import Literal

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.spans import Spans, mean_of_endpoints
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Given, Head, HeadOutput, Targets, Thresholds, prediction
from relx.heads.schemes.triples import SpanTriples, SpanTripleTargets, given_spans
from relx.heads.spans.tagger import SpanTagger, SpanTask, candidate_objects, gammas, lost_to_nearer_ends
from relx.limits import Limit, Tied, limit_of_ties, limits_of_two_sums, tables_of
from relx.registry import Injected
from relx.utils.argument_checks import require_effect

Span = tuple[int, int]

SYMMETRIC = "the sum cannot tell head from tail of two subjects of one token each"


@Head.register("casrel")
class CasRel(Head):
    """Find subjects first, then for each relation the objects of each subject; a span is a start with its nearest end.

    The object tagger reads x_i + v_sub at each token i, with v_sub the mean of the vectors of the subject's first and
    last token. Of mentions that are one token each, this sum scores (s, r, o) exactly like (o, r, s), so both are found
    if o is a subject too. Word pieces, which the paper tags, are seldom so alike. Mentions outside of triples are not
    found. docs/systems/casrel.md lists what was checked, and the deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types.
        subjects: Subjects whose objects are learned in a step: a random one of each sentence (``sampled``), or ``all``.
        conditioning: How the vectors of the tokens take up that of the subject: ``sum``, or ``concatenated``.
        subject_spans: Weights of the losses and threshold of the subject tagger. Nothing is matched, so gamma has no
            effect.
        object_spans: The same for the object tagger.
        allow_self: Whether a mention may be related to itself.
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
        self.subject = SpanTagger(input_dim, 1, subject_spans)
        size = input_dim if self.summed else 2 * input_dim
        self.object = SpanTagger(size, len(self.relations), object_spans)
        self.thresholds = Thresholds(relations=max(self.subject.task.threshold, self.object.task.threshold))

    def targets(self, example: Example) -> Targets:
        """Write what ``SpanTripleTargets.write`` makes of the sentence; all mentions have one label."""
        written = self.scheme.write(example)
        return Targets(written.arrays, written.lost + lost_to_nearer_ends(example, written))

    def limits(self, held: Example) -> list[Limit]:
        """Find the limits of mentions of one token: each object has a start and an end, each scored by a sum.

        With ``conditioning="sum"``, (s, r, o) and (o, r, s) have the same scores as well.
        """
        wanted = {(r.type, r.head.span, r.tail.span): r for r in held.relations if len(range(*r.tail.span)) == 1}
        if self.summed:
            subjects = {r.head.span for r in held.relations if len(range(*r.head.span)) == 1}
            pairs: dict[tuple[str, frozenset[Span]], list[Tied]] = {}
            for kind, head, tail in wanted:
                if head != tail and {head, tail} <= subjects:
                    both = [Tied(one, wanted.get((kind, one, other))) for one, other in ((head, tail), (tail, head))]
                    pairs[kind, frozenset((head, tail))] = both
            if ties := limit_of_ties(SYMMETRIC, pairs.values(), held.relations):
                return ties
        return limits_of_two_sums(tables_of(wanted.values()), lambda cell: self.scheme.allow_self or cell[0] != cell[1])

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute what the taggers read in training.

        ``subject`` [batch, length, d] and, of gold subjects, ``object`` [subjects, length, d'], with the indices
        ``subjects`` of these among the gold mentions.
        """
        x, gold = encode(batch), SpanTriples.gold(batch)  # [batch, length, input_dim]
        subjects = self._learned(gold, len(batch))
        return {"subject": x, "object": self.condition(x, gold.entities.select(subjects)), "subjects": subjects}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the binary cross entropies of subjects and of the objects of some subjects, averaged over sentences."""
        gold, length = SpanTriples.gold(batch), batch.mask.shape[1]
        subjects = gold.entities.select(output["subjects"])
        of_subjects = self.subject.loss(output["subject"], batch.mask, gold.entities.select(gold.subjects))
        mask = batch.mask[subjects.batch_index]
        return (of_subjects + self.object.loss(output["object"], mask, gold.objects(subjects, length))) / len(batch)

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Find subjects, then the objects of each."""
        x = encode(batch)  # [batch, length, input_dim]
        threshold = self.thresholds.relations
        subjects = self.subject(x, batch.mask, threshold)
        objects = self.object(self.condition(x, subjects), batch.mask[subjects.batch_index], threshold)
        return self.read(subjects, objects, batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Decide which of the given entities are subjects, and which of them are the objects of each."""
        x, given, length = encode(batch), given_spans(entities, batch), batch.mask.shape[1]
        threshold = self.thresholds.relations
        subjects = self.subject.among(x, given, threshold)
        objects = self.object.among(self.condition(x, subjects), candidate_objects(given, subjects), threshold)
        found = SpanTriples.of_subjects(given, subjects, objects, length, self.scheme.allow_self)
        return found.between(entities, self.relations)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold subjects and their gold objects, as far as nearest ends spell them."""
        gold, shape = SpanTriples.gold(batch), batch.mask.shape
        subjects = self.subject.oracle(gold.entities.select(gold.subjects), shape)
        objects = gold.objects(subjects, shape[1])
        return self.read(subjects, self.object.oracle(objects, torch.Size((len(subjects), shape[1]))), batch)

    def condition(self, x: Tensor, subjects: Spans) -> Tensor:
        """Compute x_i + v_sub, or [x_i; v_sub], in the sentence of each subject: [subjects, length, d']."""
        tokens = x[subjects.batch_index]  # [subjects, length, input_dim]
        v_sub = mean_of_endpoints(x, subjects).unsqueeze(1)  # [subjects, 1, input_dim]
        return tokens + v_sub if self.summed else torch.cat((tokens, v_sub.expand_as(tokens)), dim=-1)

    def read(self, subjects: Spans, objects: Spans, batch: Batch) -> list[Example]:
        """Make a triple of each object, whose batch index is that of its subject. Its score is the product of both."""
        found: list[list[Relation]] = [[] for _ in batch.examples]
        heads = [(row, Entity(start, last + 1, score=score)) for row, _, start, last, score in subjects.items()]
        for subject, label, start, last, score in objects.items():
            row, head = heads[subject]
            tail = Entity(start, last + 1, score=score)
            if head.span != tail.span or self.scheme.allow_self:
                found[row].append(Relation(head, self.relations[label], tail, (head.score or 0) * score))
        return [prediction(example, [], relations) for example, relations in zip(batch.examples, found, strict=True)]

    def _learned(self, gold: SpanTriples, sentences: int) -> Tensor:
        """Return the sorted indices of the subjects whose objects are learned: all, or a random one per sentence."""
        subjects = gold.subjects
        if not self.sampled:
            return subjects
        row = gold.entities.batch_index[subjects]
        lots = torch.rand(len(subjects), device=row.device)
        drawn = lots.new_zeros(sentences).scatter_reduce(0, row, lots, "amax")
        return subjects[lots == drawn[row]]
