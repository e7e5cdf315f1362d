"""Cascade-SRN's three tasks of span extraction (Wang et al. 2022, arXiv:2202.07281)."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.heads.cascade.fusion import EarlyFusion, Fusion, LateFusion, Sentences, TaskContext
from relx.heads.head import Encode, Head, HeadOutput, Limit, Targets
from relx.heads.pair_scorers import PairScorer
from relx.heads.schemes.entities import EntityTypes
from relx.heads.schemes.limits import Cell, Tied, limit_of_ties, limits_of_sums
from relx.heads.schemes.triples import Finder, GoldTriples, SpanTripleDecoder, SpanTripleTargets
from relx.heads.spans import Spans, SpanTagger, SpanTask
from relx.heads.spans.tagger import SpanDecoding, gammas
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect

NOT_EXTRACTED = "only entities are extracted"
SHARED_OBJECTS = "all subjects of a sentence have the same objects, since the fusion does not tell them apart"

Span = tuple[int, int]


@Head.register("cascade")
class Cascade(Head):
    """Entities first, then which of them are subjects, then the objects of each subject for each relation.

    Later tasks read what earlier ones found (``fusion``): ``early`` sets markers into the text and encodes it anew, at
    most ``max_tokens`` tokens at a time; ``late`` encodes once and sets embeddings of size ``tag_dim`` beside the
    encoded tokens. ``markers`` says whether entities and the subject are given to the later tasks, or the subject only.
    In late fusion as printed (Eq. 11) the subject changes the scores of its own tokens only: all subjects of a sentence
    have the same objects outside of themselves. ``task_context`` adds what the text allows ("separate task models"), a
    model over the vectors of Eq. 11 for the subject task and the object task: the global feature of PFN beside each
    vector, or a bidirectional ``lstm``, of ``context_size``; ``none`` is the printed form. ``subject_vectors`` sets the
    subject's vector beside every token.

    In training the later tasks read the gold entities; each of them is tried as a subject (``subjects``: all), or only
    those that are one (gold). Without ``joint`` there is entity extraction only. ``entity_spans``, ``subject_spans``
    and ``object_spans`` weigh the losses of the tasks and set their thresholds; ``pair_scorer`` scores the pairs of
    start and end, for the ``decoding`` by match; by default ``pfn_mlp``, bias -6. A setting that the others leave
    without effect is refused. A subject or an object that is not among the entities is dropped, since it has no type.
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
        require_effect(Cascade, _idle(settings))
        self.types = EntityTypes(vocabulary, None)
        relations = vocabulary.relations()
        self.scheme = SpanTripleTargets(relations, self._label, allow_self)
        self.steps = SpanTripleDecoder(relations, allow_self)
        self.joint = self.finds_relations = joint
        self.all_subjects = subjects == "all"
        told = markers == "entity_subject"
        types = self.types.names.items
        self.fusion = Fusion(task_features)
        if joint and fusion == "late":
            self.fusion = LateFusion(
                task_features, len(types) if told else None, tag_dim, subject_vectors, task_context, context_size
            )
        elif joint:
            self.fusion = EarlyFusion(task_features, types, told, max_tokens)
        self.markers = self.fusion.markers
        sizes = self.fusion.sizes
        self.entity = SpanTagger(sizes["entity"], len(types), entity_spans, decoding, pair_scorer)
        if joint:
            self.subject = SpanTagger(sizes["subject"], 1, subject_spans, decoding, pair_scorer)
            self.object = SpanTagger(sizes["object"], len(relations), object_spans, decoding, pair_scorer)

    def targets(self, example: Example) -> Targets:
        """What ``SpanTripleTargets.write`` makes of the sentence."""
        found = self.scheme.write(example)
        if not self.joint:
            return Targets(found.arrays, [(r, NOT_EXTRACTED) for r in example.relations])
        short = self.scheme.cut_short(example, found, entities=True) if self.object.pair_scorer is None else []
        return Targets(found.arrays, found.lost + short)

    def limits(self, held: Example) -> list[Limit]:
        """Those of a fusion that does not tell objects of their subject, else of pairs scored by a sum."""
        if not self.joint:
            return []
        if self.fusion.shares_objects:
            return limit_of_ties(SHARED_OBJECTS, self._shared(held), held.relations)
        if self.object.pair_scorer is None or not self.object.pair_scorer.is_sum:
            return []
        tables: dict[tuple[Span, str], dict[Cell, Relation]] = defaultdict(dict)
        for relation in held.relations:
            tables[relation.head.span, relation.type][relation.tail.span] = relation
        mentions = {entity.span for entity in held.entities}
        return limits_of_sums(tables.values(), lambda cell: cell in mentions)

    def _shared(self, held: Example) -> list[list[Tied]]:
        """For each type and object, the subjects that lie alike to the object: it is found for all of them or none."""
        subjects = dict.fromkeys(relation.head.span for relation in held.relations)
        wanted = {(r.type, r.tail.span, r.head.span): r for r in held.relations}
        groups: dict[tuple[str, Span, tuple[bool, ...]], list[Tied]] = defaultdict(list)
        for kind, tail in dict.fromkeys((r.type, r.tail.span) for r in held.relations):
            for head in subjects:
                if head != tail or self.scheme.allow_self:
                    inside = tuple(head[0] <= token < head[1] for token in range(*tail))
                    groups[kind, tail, inside].append(Tied(head, wanted.get((kind, tail, head))))
        return list(groups.values())

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute features for each task when all entities are known: ``entity`` [batch, length, d], ``subject``
        [sentences with entities, length, d'], ``object`` [subjects that are tried, length, d''].
        """
        sentences = Sentences(batch, encode, encode(batch))
        features = {"entity": self.fusion.first(sentences)}
        if self.joint:
            gold = GoldTriples.of(sentences.batch)
            rows, tried = self._tried(gold)
            later = self.fusion.later(sentences, gold.entities, rows, gold.entities.select(tried))
            features["subject"], features["object"] = later
        return features

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Find entities, which of them are subjects, and the objects of each."""
        return self.read(ModelFinder(self, Sentences(batch, encode, encode(batch))), batch)

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """The sum of the tasks' losses (Eq. 15), averaged over sentences."""
        gold = GoldTriples.of(batch)
        total = self.entity.loss(scores["entity"], batch.mask, gold.entities)
        if self.joint:
            rows, tried = self._tried(gold)
            subjects = gold.entities.select(gold.subjects).unlabelled()
            subjects = subjects.of_rows(torch.searchsorted(rows, subjects.row))
            total = total + self.subject.loss(scores["subject"], batch.mask[rows], subjects)
            of_subjects = gold.entities.select(tried)
            objects = gold.objects(of_subjects, batch.mask.shape[1])
            total = total + self.object.loss(scores["object"], batch.mask[of_subjects.row], objects)
        return total / len(batch)

    def read(self, finder: Finder, batch: Batch) -> list[Example]:
        """Take the entities found and the triples between them. A triple's score is its subject's times its object's.

        Entities have a type only if the data has types.
        """
        known = self.types.source == "data"
        found = self.steps.take(finder, batch.mask.shape, self.joint)
        return self.steps.decode(found, batch.examples, [type if known else None for type in self.types.names])

    def oracle(self, batch: Batch) -> list[Example]:
        """Read what the steps arrive at when each finds what it can of the gold spans."""
        return self.read(GoldFinder(self, GoldTriples.of(batch), batch.mask.shape), batch)

    def _tried(self, gold: GoldTriples) -> tuple[Tensor, Tensor]:
        """In which sentences subjects are looked for, and which entities are tried as subjects."""
        numbers = torch.arange(len(gold.entities), device=gold.head.device)
        return gold.entities.row.unique(), numbers if self.all_subjects else gold.subjects

    def _label(self, entity: Entity, example: Example) -> int | None:
        return self.types.names.get(self.types.of(entity, example))


def _idle(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those of the arguments of ``Cascade`` that others leave without effect, by cause."""
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
    settings = {
        **settings,
        **{name: None for name, task in tasks.items() if vars(task or SpanTask()) == vars(SpanTask())},
    }
    idle = {cause: {name: settings[name] for name in names} for cause, names in unread.items()}
    idle["decoding=nearest"] |= gammas(tasks) if nearest else {}
    return idle


class ModelFinder:
    """Finds spans with the extractors of a head."""

    def __init__(self, head: Cascade, sentences: Sentences) -> None:
        self.head = head
        self.sentences = sentences
        self.mask = sentences.batch.mask

    def entities(self) -> Spans:
        """From the plain sentences."""
        return self.head.entity(self.head.fusion.first(self.sentences), self.mask)

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """From sentences whose entities are told."""
        features, _ = self.head.fusion.later(self.sentences, entities, rows, entities.select(rows[:0]))
        found = self.head.subject(features, self.mask[rows])
        return found.of_rows(rows[found.row])

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """From sentences in which a subject is told too."""
        _, features = self.head.fusion.later(self.sentences, entities, subjects.row[:0], subjects)
        return self.head.object(features, self.mask[subjects.row])


class GoldFinder:
    """Finds the gold spans, as far as decoding lets it. ``shape`` is that of the batch's mask."""

    def __init__(self, head: Cascade, gold: GoldTriples, shape: torch.Size) -> None:
        self.head = head
        self.gold = gold
        self.shape = shape

    def entities(self) -> Spans:
        """All of them."""
        return self.head.entity.certain(self.gold.entities, self.shape)

    def subjects(self, entities: Spans, rows: Tensor) -> Spans:
        """Those of all sentences."""
        gold = self.gold.entities.select(self.gold.subjects).unlabelled()
        return self.head.subject.certain(gold, self.shape)

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        """Those of these subjects."""
        gold = self.gold.objects(subjects, self.shape[1])
        return self.head.object.certain(gold, torch.Size((len(subjects), self.shape[1])))
