"""PURE: an entity model and a relation model that reads marked text (Zhong & Chen 2021, NAACL)."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Entity, Example
from relx.data.spans import Overlap, Spans
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.embedders.embedder import Levitated
from relx.heads.head import NOT_EXTRACTED, Encode, Head, HeadOutput, PlainSentences, Targets
from relx.heads.schemes.marked_text import MarkedReader, Marking, TextMarkers, typed_markers
from relx.heads.schemes.mention_pairs import Agreement, Labels, Order, Pairs, PairScheme
from relx.heads.schemes.span_pairs import SpanPairHead, TrainOn
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets
from relx.heads.spans.classifier import SpanClassifier, fault_of_span
from relx.registry import Injected
from relx.utils.argument_checks import require_effect, require_shares

Markers = Literal["text", "levitated"]


@Head.register("pure_entities")
class PureEntities(Head):
    """Classify all short spans: the entity model, whose archive finds only entities.

    A span is [x_start; x_end; w(width)]; its label comes from a network with two hidden layers. Spans may overlap. The
    loss is the sum over the spans of a sentence.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types.
        max_width: The most tokens of a span. Wider gold mentions are lost.
        width_dim: Size of the embedding of a span's width.
        overlap: Whether spans that overlap are all found (``keep``), or the most probable of them (``best``).
        hidden_size: Size of the two hidden layers.
        dropout: Dropout after each hidden layer.
    """

    finds_relations = False

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        max_width: int = 8,
        width_dim: int = 150,
        overlap: Overlap = "keep",
        hidden_size: int = 150,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        types, relations = EntityTypes(vocabulary), vocabulary.relations()
        self.scheme = SpanTripleTargets(relations, types.label, False, fault_of_span(max_width, overlap))
        self.decoder = SpanTripleDecoder(relations, types.predicted)
        self.spans = SpanClassifier(
            input_dim, len(types.names), max_width, "endpoints", width_dim, [hidden_size] * 2, dropout, overlap=overlap
        )

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` (``SpanTripleTargets``)."""
        relations = [(relation, NOT_EXTRACTED) for relation in example.relations]
        return Targets(self.scheme.write(example).arrays, relations, self.scheme.lost_entities(example))

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute ``tokens`` [batch, length, d]."""
        return {"tokens": encode(batch)}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Sum the cross entropies of all spans, averaged over sentences."""
        return self.spans.loss(output["tokens"], batch.mask, SpanTriples.gold(batch).entities) / len(batch)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the spans with a label."""
        return self._decoded(self.spans(output["tokens"], batch.mask), batch)

    def oracle(self, batch: Batch) -> list[Example]:
        """Return the gold entities in the targets."""
        return self._decoded(SpanTriples.gold(batch).entities, batch)

    def _decoded(self, entities: Spans, batch: Batch) -> list[Example]:
        return self.decoder.decode(SpanTriples.none(entities), batch.examples)


class PurePairs(SpanPairHead):
    """Classify pairs of mentions with markers of their types: g = [h(opening of subject); h(opening of object)].

    The logits are W dropout(LayerNorm(g)) + b. With ``text`` markers a sentence is written and encoded again for each
    pair; ``levitated`` markers have the positions of the mentions' first and last pieces beside a sentence that is read
    once (the approximation of section 3.4).
    """

    def __init__(
        self,
        input_dim: int,
        vocabulary: Vocabulary,
        scheme: PairScheme,
        max_width: int | None,
        markers: Markers,
        dropout: float,
        max_tokens: int,
        train_on: TrainOn = "gold",
        overlap: Overlap = "keep",
    ) -> None:
        super().__init__(vocabulary, scheme, fault_of_span(max_width, overlap), train_on)
        require_shares(dropout=dropout)
        types = self.types.names.items
        self.text_markers = TextMarkers([*typed_markers("s", types), *typed_markers("o", types)])
        self.markers, self.levitated = self.text_markers.tokens, markers == "levitated"
        self.reader = MarkedReader(max_tokens)
        self.pair = nn.Sequential(
            nn.LayerNorm(2 * input_dim), nn.Dropout(dropout), nn.Linear(2 * input_dim, scheme.num_logits)
        )

    def fault_of_given(self, entity: Entity) -> str | None:
        """Return what is wrong with a type that the model cannot mark."""
        return self.types.fault_of_given(entity)

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score pairs by the vectors of their opening markers: -> [pairs, num_logits]."""
        h = (self._beside if self.levitated else self._in_text)(plain, mentions, pairs)  # [pairs, 2, input_dim]
        return self.pair(h.flatten(1))

    def _in_text(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        spans, types = mentions.as_tensor().tolist(), len(self.types.names)
        marked = []
        for first, second in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
            (row, label, start, last), (_, other, begin, end) = spans[first], spans[second]
            markings = (Marking(start, last, label), Marking(begin, end, types + other))
            marked.append(self.text_markers.insert(plain.batch.examples[row], markings))
        opens = np.array([sentence.opens for sentence in marked], dtype=np.int64).reshape(-1, 2)
        return self.reader.read(plain, [sentence.example for sentence in marked], opens)

    def _beside(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        one, other, types = mentions.select(pairs.first), mentions.select(pairs.second), len(self.types.names)
        subject, object = 2 * one.label, 2 * (types + other.label)  # the opening markers; the closing ones follow
        tokens = torch.stack((subject, subject + 1, object, object + 1), dim=1)  # [pairs, 4]
        words = torch.stack((one.start, one.last, other.start, other.last), dim=1)
        h = plain.encode.levitated(plain.batch, Levitated(pairs.row, tokens, words, (False, True, False, True)))
        return h[:, ::2]


@Head.register("pure_relations")
class PureRelations(PurePairs):
    """Classify pairs of given mentions in marked text: the relation model, whose archive finds no entities.

    In training and evaluation it reads the gold mentions, in prediction those of the input: entities of another
    archive, or of your own system.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types, which are marked, and the relation types.
        markers: Whether the markers are in the ``text``, which is encoded for each pair, or ``levitated``: a
            transformer reads the sentence once, and beside it the markers of all pairs.
        order: Whether each ``ordered`` pair is scored, its first mention as the head, or each pair once, in the order
            ``in_text``, with a label for each direction.
        labels: Whether a pair has ``one`` relation or ``several``, each with a probability of its own.
        agree: With pairs ``in_text``, whether a pair is scored in the ``first`` order only, or in both, whose
            probabilities are multiplied (``product``), or of which the ``most_certain`` decides.
        threshold: The probability from which a relation counts, with several labels.
        dropout: Dropout on the vectors of pairs.
        max_tokens: How many tokens of marked sentences are encoded at a time.
    """

    finds_entities = False

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        markers: Markers = "text",
        order: Order = "ordered",
        labels: Labels = "one",
        agree: Agreement = "first",
        threshold: float = 0.5,
        dropout: float = 0.1,
        max_tokens: int = 2048,
    ) -> None:
        idle = _idle_arguments(labels, threshold, markers, max_tokens)
        require_effect(PureRelations, {**idle, "order=ordered": {"agree": agree} if order == "ordered" else {}})
        scheme = PairScheme(vocabulary.relations(), order, labels, agree, threshold)
        super().__init__(input_dim, vocabulary, scheme, None, markers, dropout, max_tokens)


@Head.register("pure")
class Pure(PurePairs):
    """Classify all short spans, then the pairs of the mentions found in marked text: both models over one encoder.

    In the paper each model has an encoder of its own: ``pure_entities`` and ``pure_relations``.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types and the relation types.
        max_width: The most tokens of a span. Wider gold mentions are lost.
        width_dim: Size of the embedding of a span's width.
        overlap: Whether spans that overlap are all found (``keep``), or the most probable of them (``best``).
        hidden_size: Size of the two hidden layers of the classifier of spans.
        span_dropout: Dropout after each hidden layer of the classifier of spans.
        markers: Whether the markers are in the ``text``, which is encoded for each pair, or ``levitated``: a
            transformer reads the sentence once, and beside it the markers of all pairs.
        labels: Whether a pair has ``one`` relation or ``several``, each with a probability of its own.
        threshold: The probability from which a relation counts, with several labels.
        train_on: The mentions whose pairs are learned: the ``gold`` ones, ``both`` these and the model's ``own``, or
            only the latter.
        dropout: Dropout on the vectors of pairs.
        max_tokens: How many tokens of marked sentences are encoded at a time.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        max_width: int = 8,
        width_dim: int = 150,
        overlap: Overlap = "keep",
        hidden_size: int = 150,
        span_dropout: float = 0.2,
        markers: Markers = "text",
        labels: Labels = "one",
        threshold: float = 0.5,
        train_on: TrainOn = "gold",
        dropout: float = 0.1,
        max_tokens: int = 2048,
    ) -> None:
        require_effect(Pure, _idle_arguments(labels, threshold, markers, max_tokens))
        scheme = PairScheme(vocabulary.relations(), "ordered", labels, threshold=threshold)
        super().__init__(input_dim, vocabulary, scheme, max_width, markers, dropout, max_tokens, train_on, overlap)
        self.spans = SpanClassifier(
            input_dim, len(self.types.names), max_width, "endpoints", width_dim,
            [hidden_size] * 2, span_dropout, overlap=overlap,
        )  # fmt: skip


def _idle_arguments(
    labels: Labels, threshold: float, markers: Markers, max_tokens: int
) -> dict[str, dict[str, object]]:
    """Find the arguments of a classifier of pairs that others leave without effect, by cause."""
    return {
        "labels=one": {"threshold": threshold} if labels == "one" else {},
        "markers=levitated": {"max_tokens": max_tokens} if markers == "levitated" else {},
    }
