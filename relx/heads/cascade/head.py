"""Cascade-SRN's three tasks of span extraction (Wang et al. 2022, arXiv:2202.07281)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.spans import Spans, TableCells, best_labels, find
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.heads.cascade.fusion import EarlyFusion, Fusion, LateFusion, TaskContext
from relx.heads.head import NOT_EXTRACTED, Encode, Given, Head, HeadOutput, PlainSentences, Targets, Thresholds
from relx.heads.pair_scorers.scorer import PairScorer, logit, logits_of_cells, pairs_in_order, triangle_loss
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets, given_spans
from relx.heads.spans.tagger import (
    SpanTagger,
    SpanTask,
    candidate_objects,
    entities_cut_short,
    gammas,
    lost_to_nearer_ends,
)
from relx.limits import Cell, Limit, Tied, limit_of_ties
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect

SHARED_OBJECTS = "all subjects of a sentence have the same objects, since the fusion does not tell them apart"

Span = tuple[int, int]
SpanDecoding = Literal["match", "nearest"]

MATCH_BIAS = -6.0


class MatchingSpanTagger(SpanTagger):
    """Tag starts and ends (Eq. 12); a pair scorer decides on the pairs whose start is not after the end (Eq. 13).

    The scorer is by default ``pfn_mlp`` with the bias -6.
    """

    def __init__(
        self,
        input_dim: int,
        num_labels: int,
        task: SpanTask | None = None,
        pair_scorer: Lazy[PairScorer] | None = None,
    ) -> None:
        super().__init__(input_dim, num_labels, task)
        scorer = pair_scorer or PairScorer.named("pfn_mlp", bias=MATCH_BIAS)
        self.pair_scorer = scorer.build(input_dim=input_dim, num_relations=num_labels)

    def pairs(self, y_start: Tensor, y_end: Tensor, threshold: float) -> TableCells:
        """Pair each start with every end that is not before it."""
        return pairs_in_order(y_start >= threshold, y_end >= threshold)

    def forward(self, h: Tensor, mask: Tensor, threshold: float = 1.0) -> Spans:
        """Extract spans from h [rows, length, d]. A score is the product of the probabilities that made the span."""
        return self._matched(h, super().forward(h, mask, threshold), threshold)

    def among(self, h: Tensor, candidates: Spans, threshold: float = 1.0) -> Spans:
        """Return the labels that hold of given spans: start, end and match reach the threshold."""
        return self._matched(h, super().among(h, candidates, threshold), threshold)

    def _matched(self, h: Tensor, found: Spans, threshold: float) -> Spans:
        match = logits_of_cells(self.pair_scorer, h, found.cells)  # Eq. 13, of these pairs only: [spans]
        kept = match >= logit(min(self.task.threshold, threshold))
        return replace(found, score=found.score * match.sigmoid()).select(kept)

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Compute alpha L_st + beta L_en + gamma L_m (Eq. 14-15), summed over tokens, pairs and labels: a scalar.

        The paper sums the matches over all pairs of tokens; here they are summed over the pairs with start <= end only.
        No span has its start after its end, and a scorer that is a sum of a start's and an end's part (Eq. 13) cannot
        hold two spans of one label and reject both pairs across, of which only one has its start before its end.
        """
        total = super().loss(h, mask, gold)
        return total + self.task.gamma * triangle_loss(self.pair_scorer, h, mask, gold.cells)

    def oracle(self, gold: Spans, shape: torch.Size) -> Spans:
        """Return what a tagger extracts that has learned these spans perfectly, of rows of the shape [rows, length]."""
        found = super().oracle(gold, shape)
        wanted, made = (spans.keys(shape[1]) * self.num_labels + spans.label for spans in (gold, found))
        return found.select(torch.isin(made, wanted))


@Head.register("cascade")
class Cascade(Head):
    """Extract entities, then which of them are subjects, then the objects of each subject for each relation.

    In training the later tasks read the gold entities. A subject or an object that is not among the entities is
    dropped, since it has no type. An argument without effect is an error.

    In late fusion as printed (Eq. 11) the subject changes the scores of its own tokens only: all subjects of a sentence
    have the same objects outside of themselves. ``task_context`` adds what the text allows ("separate task models").

    Args:
        task_features: What each task, ``entity``, ``subject`` and ``object``, reads of the encoder.
        vocabulary: The entity types and the relation types.
        fusion: How later tasks read the results of earlier ones: ``early``, as markers in the text, encoded again;
            ``late``, as embeddings beside the encoded tokens.
        markers: Whether later tasks read the entities and the subject, or only the subject.
        subjects: Which gold entities learn their objects: ``all``, also those without any, or ``gold``, the subjects.
        joint: Whether to extract relations. Without it there are only entities.
        decoding: How starts and ends become spans: ``match``, by a scorer of pairs; ``nearest``, by the nearest end.
        pair_scorer: The scorer of pairs of start and end, by default ``pfn_mlp`` with the bias -6.
        entity_spans: The loss weights and the threshold of entities.
        subject_spans: The loss weights and the threshold of subjects.
        object_spans: The loss weights and the threshold of objects.
        tag_dim: The size of the embeddings of late fusion.
        subject_vectors: Whether late fusion puts the subject's vector beside every token.
        task_context: The model of the subject task and of the object task over the vectors of late fusion: the
            ``global_feature`` of PFN beside each vector, a bidirectional ``lstm``, or ``none``, as printed.
        context_size: The size of that model.
        allow_self: Whether a mention may be related to itself.
        max_tokens: How many tokens of marked sentences early fusion encodes at a time.
    """

    def __init__(
        self,
        task_features: Injected[TaskFeatures],
        vocabulary: Injected[Vocabulary],
        fusion: Literal["early", "late"] = "early",
        markers: Literal["entity_subject", "subject"] = "entity_subject",
        subjects: Literal["all", "gold"] = "all",
        joint: bool = True,
        decoding: SpanDecoding = "match",
        pair_scorer: Lazy[PairScorer] | None = None,
        entity_spans: SpanTask | None = None,
        subject_spans: SpanTask | None = None,
        object_spans: SpanTask | None = None,
        tag_dim: int = 50,
        subject_vectors: bool = False,
        task_context: TaskContext = "lstm",
        context_size: int = 100,
        allow_self: bool = False,
        max_tokens: int = 2048,
    ) -> None:
        settings = dict(locals())
        super().__init__()
        require_effect(Cascade, _without_effect(settings))
        self.types = EntityTypes(vocabulary)
        types, relations = self.types.names.items, vocabulary.relations()
        self.scheme = SpanTripleTargets(relations, self.types.label, allow_self)
        self.decoder = SpanTripleDecoder(relations, self.types.predicted)
        self.joint = self.finds_relations = joint
        self.all_subjects, self.nearest = subjects == "all", decoding == "nearest"
        with_entities = markers == "entity_subject"
        self.fusion = Fusion(task_features)
        if joint and fusion == "late":
            num_types = len(types) if with_entities else None
            self.fusion = LateFusion(task_features, num_types, tag_dim, subject_vectors, task_context, context_size)
        elif joint:
            self.fusion = EarlyFusion(task_features, types, with_entities, max_tokens)
        self.markers = self.fusion.markers
        sizes = self.fusion.sizes

        def tagger(task: str, num_labels: int, settings: SpanTask | None) -> SpanTagger:
            if decoding == "nearest":
                return SpanTagger(sizes[task], num_labels, settings)
            return MatchingSpanTagger(sizes[task], num_labels, settings, pair_scorer)

        self.entity = tagger("entity", len(types), entity_spans)
        self.thresholds = Thresholds(self.entity.task.threshold)
        self.rereads_entities = joint and with_entities
        if joint:
            self.subject = tagger("subject", 1, subject_spans)
            self.object = tagger("object", len(relations), object_spans)
            of_relations = max(self.subject.task.threshold, self.object.task.threshold)
            self.thresholds = Thresholds(self.entity.task.threshold, of_relations)

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``)."""
        written = self.scheme.write(example)
        unfound = entities_cut_short(written) if self.nearest else set()
        if not self.joint:
            relations = [(relation, NOT_EXTRACTED) for relation in example.relations]
            return Targets(written.arrays, relations, self.scheme.lost_entities(example, unfound))
        short = lost_to_nearer_ends(example, written, {span for _, span in unfound}) if self.nearest else []
        return Targets(written.arrays, written.lost + short)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the features of each task for the loss: the later tasks read the gold entities.

        ``entity`` [batch, length, d_e], ``subject`` [sentences with entities, length, d_s], ``object`` [candidates for
        a subject, length, d_o].
        """
        plain = PlainSentences(batch, encode)
        output = {"entity": self.fusion.entity_features(plain)}
        if self.joint:
            gold = SpanTriples.gold(batch)
            rows, candidates = self._candidates(gold)
            output["subject"], output["object"] = self.fusion.subject_object_features(
                plain, gold.entities, rows, gold.entities.select(candidates)
            )
        return output

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Sum the losses of the tasks, L = L_e + L_s + L_o (Eq. 15), averaged over sentences."""
        gold = SpanTriples.gold(batch)
        total = self.entity.loss(output["entity"], batch.mask, gold.entities)
        if self.joint:
            rows, candidates = self._candidates(gold)
            subjects = gold.entities.select(gold.subjects).unlabeled()
            subjects = subjects.with_rows(torch.searchsorted(rows, subjects.batch_index))
            total = total + self.subject.loss(output["subject"], batch.mask[rows], subjects)
            of_subjects = gold.entities.select(candidates)
            objects = gold.objects(of_subjects, batch.mask.shape[1])
            total = total + self.object.loss(output["object"], batch.mask[of_subjects.batch_index], objects)
        return total / len(batch)

    def _candidates(self, gold: SpanTriples) -> tuple[Tensor, Tensor]:
        """Return the sentences whose subjects are learned and the indices of the entities whose objects are learned."""
        entities = torch.arange(len(gold.entities), device=gold.head.device)
        return gold.entities.batch_index.unique(), entities if self.all_subjects else gold.subjects

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Extract entities, which of them are subjects, and the objects of each."""
        return self.run(ModelFinder(self, PlainSentences(batch, encode)), batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Decide which given entities are subjects, and which are the objects of each, all marked with their types."""
        given, length = given_spans(entities, batch, self.types.given_labels(entities)), batch.mask.shape[1]
        finder, rows = ModelFinder(self, PlainSentences(batch, encode), given=True), given.batch_index.unique()
        return self._triples(finder, given, rows, length).between(entities, self.scheme.relations)

    def fault_of_given(self, entity: Entity) -> str | None:
        """Return what is wrong with a type that the model cannot mark."""
        return self.types.fault_of_given(entity) if self.rereads_entities else None

    def oracle(self, batch: Batch) -> list[Example]:
        """Return what the steps arrive at when each finds the gold spans, as far as its decoding allows."""
        return self.run(GoldFinder(self, SpanTriples.gold(batch), batch.mask.shape), batch)

    def run(self, finder: "ModelFinder | GoldFinder", batch: Batch) -> list[Example]:
        """Take the steps, each with the spans found before."""
        length = batch.mask.shape[1]
        entities = best_labels(finder.entities(), length)
        if not self.joint:
            return self.decoder.decode(SpanTriples.none(entities), batch.examples)
        # A sentence with too few entities for a triple does not need the later steps.
        count = torch.bincount(entities.batch_index, minlength=len(batch))
        rows = (count >= (1 if self.scheme.allow_self else 2)).nonzero().squeeze(1)
        return self.decoder.decode(self._triples(finder, entities, rows, length), batch.examples)

    def _triples(self, finder: "ModelFinder | GoldFinder", entities: Spans, rows: Tensor, length: int) -> SpanTriples:
        """Find subjects among the entities of the sentences ``rows``, then the objects of each among the entities."""
        subjects = finder.subjects(entities, rows)
        head, known = find(subjects, entities, length)
        subjects = subjects.select(known).select(head[known].argsort())  # in the order of the text
        objects = finder.objects(entities, subjects)
        return SpanTriples.of_subjects(entities, subjects, objects, length, self.scheme.allow_self)

    def limits(self, held: Example) -> list[Limit]:
        """Find the limits of a fusion that does not tell objects of their subject, or of pairs scored by a sum."""
        limits = []
        if self.joint and self.fusion.shares_objects:
            limits = limit_of_ties(SHARED_OBJECTS, self._shared(held), held.relations)
        if not isinstance(self.entity, MatchingSpanTagger):
            return limits
        limits += self.entity.pair_scorer.limits_of_spans(held.entities)
        if not self.joint or self.fusion.shares_objects:
            return limits
        tables: dict[tuple[Span, str], dict[Cell, Relation]] = defaultdict(dict)
        for relation in held.relations:
            tables[relation.head.span, relation.type][relation.tail.span] = relation
        mentions = {entity.span for entity in held.entities}
        return limits + self.entity.pair_scorer.limits(tables.values(), lambda cell: cell in mentions)

    def _shared(self, held: Example) -> list[list[Tied]]:
        """Group, by type and object, the subjects that cover the same of its tokens: all have the object, or none."""
        subjects = dict.fromkeys(relation.head.span for relation in held.relations)
        wanted = {(r.type, r.tail.span, r.head.span): r for r in held.relations}
        groups: dict[tuple[str, Span, tuple[bool, ...]], list[Tied]] = defaultdict(list)
        for kind, tail in dict.fromkeys((r.type, r.tail.span) for r in held.relations):
            for head in subjects:
                if head != tail or self.scheme.allow_self:
                    inside = tuple(head[0] <= token < head[1] for token in range(*tail))
                    groups[kind, tail, inside].append(Tied(head, wanted.get((kind, tail, head))))
        return list(groups.values())


class ModelFinder:
    """Find the spans of each step with the taggers of a head; later steps are given what earlier ones found.

    With ``given`` subjects and objects are found only among the given entities.
    """

    def __init__(self, head: Cascade, plain: PlainSentences, given: bool = False) -> None:
        self.head = head
        self.plain = plain
        self.given = given
        self.mask = plain.batch.mask

    def entities(self) -> Spans:
        """Read the plain sentences; the batch index is that of the sentence."""
        features = self.head.fusion.entity_features(self.plain)
        return self.head.entity(features, self.mask, self.head.thresholds.entities)

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """Read the sentences ``rows`` with their entities; the batch index is that of the sentence."""
        none = entities.select(rows[:0])
        features, _ = self.head.fusion.subject_object_features(self.plain, entities, rows, none)
        threshold = self.head.thresholds.relations
        if self.given:
            candidates = entities.with_rows(torch.searchsorted(rows, entities.batch_index))
            found = self.head.subject.among(features, candidates, threshold)
        else:
            found = self.head.subject(features, self.mask[rows], threshold)
        return found.with_rows(rows[found.batch_index])

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """Read sentences with their entities and one of these as subject; the batch index is that of the subject."""
        none = subjects.batch_index[:0]
        _, features = self.head.fusion.subject_object_features(self.plain, entities, none, subjects)
        threshold = self.head.thresholds.relations
        if self.given:
            return self.head.object.among(features, candidate_objects(entities, subjects), threshold)
        return self.head.object(features, self.mask[subjects.batch_index], threshold)


class GoldFinder:
    """Find the gold spans in the same steps, as far as decoding allows. ``shape`` is that of the batch's mask."""

    def __init__(self, head: Cascade, gold: SpanTriples, shape: torch.Size) -> None:
        self.head = head
        self.gold = gold
        self.shape = shape

    def entities(self) -> Spans:
        """Return all of them."""
        return self.head.entity.oracle(self.gold.entities, self.shape)

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """Return those of all sentences."""
        gold = self.gold.entities.select(self.gold.subjects).unlabeled()
        return self.head.subject.oracle(gold, self.shape)

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """Return those of these subjects."""
        gold = self.gold.objects(subjects, self.shape[1])
        return self.head.object.oracle(gold, torch.Size((len(subjects), self.shape[1])))


def _without_effect(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Find the arguments of ``Cascade`` that others leave without effect, by cause."""
    tasks = {name: settings[name] for name in ("entity_spans", "subject_spans", "object_spans")}
    of_late = ["tag_dim", "subject_vectors", "task_context", "context_size"]
    of_later = ["fusion", "markers", "subjects", "subject_spans", "object_spans", "allow_self", "max_tokens", *of_late]
    late, nearest = settings["fusion"] == "late", settings["decoding"] == "nearest"
    unread = {
        "joint=false": of_later if not settings["joint"] else [],
        "fusion=early": of_late if settings["joint"] and not late else [],
        "fusion=late": ["max_tokens"] if settings["joint"] and late else [],
        "task_context=none": ["context_size"] if settings["task_context"] == "none" else [],
        "decoding=nearest": ["pair_scorer"] if nearest else [],
    }
    default_tasks = {name: None for name, task in tasks.items() if vars(task or SpanTask()) == vars(SpanTask())}
    values = {**settings, **default_tasks}
    found = {cause: {name: values[name] for name in names} for cause, names in unread.items()}
    found["decoding=nearest"] |= gammas(tasks) if nearest else {}
    return found
