"""What heads share that classify spans, and then pairs of the mentions found."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, HeadOutput, Targets
from relx.heads.schemes.entities import EntityTypes
from relx.heads.schemes.given import given_relations, given_spans
from relx.heads.schemes.marked_text import PlainSentences
from relx.heads.schemes.mention_pairs import Pairs, PairScheme
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets
from relx.heads.spans import Spans
from relx.heads.spans.classifier import SpanClassifier, drawn, mean_of_rows
from relx.heads.spans.spans import best_labels
from relx.utils.argument_checks import require_sizes

TOO_WIDE = "mention has more tokens than max_width"
NOT_EXTRACTED = "only entities are extracted"

# Mentions whose pairs are learned: the gold ones, these and those that the spans' classifier finds, or only the latter.
TrainOn = Literal["gold", "both", "own"]

# So many pairs are scored at a time in prediction.
PAIRS_AT_ONCE = 2**12


class SpanPairHead(Head):
    """Classify spans as mentions, then the pairs of the mentions found.

    A subclass sets ``spans`` and writes ``pair_logits``. The pairs of the mentions that ``train_on`` names are learned,
    of those without relation at most ``pair_negatives`` of a sentence, drawn at random; None learns all of them. With
    ``mean`` a sentence's loss is the mean over its spans and over its pairs, otherwise their sum.
    """

    spans: SpanClassifier

    def __init__(
        self,
        vocabulary: Vocabulary,
        max_width: int,
        pairs: PairScheme,
        train_on: TrainOn = "gold",
        pair_negatives: int | None = None,
        mean: bool = False,
    ) -> None:
        super().__init__()
        require_sizes(max_width=max_width, pair_negatives=pair_negatives)
        self.types, self.max_width, self.pairs = EntityTypes(vocabulary, None), max_width, pairs
        self.train_on, self.pair_negatives, self.mean = train_on, pair_negatives, mean
        self.scheme = SpanTripleTargets(pairs.relations, self._label_of, allow_self=False)
        self.decoder = SpanTripleDecoder(pairs.relations, self.types.predicted)

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score some pairs of mentions: -> [pairs, pairs.num_logits]."""
        raise NotImplementedError

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``), as far as labels of pairs hold them."""
        written = self.scheme.write(example)
        wide = {entity for entity in example.entities if self._too_wide(entity)}
        lost = [(r, TOO_WIDE if {r.head, r.tail} & wide else cause) for r, cause in written.lost]
        return self.pairs.hold(example, Targets(written.arrays, lost))

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute what the loss reads.

        ``tokens`` [batch, length, d], the mentions whose pairs are learned, ``mentions`` [mentions, 4], the indices
        ``first`` and ``second`` of the mentions of each pair, and ``pairs`` [pairs, num_logits].
        """
        plain = PlainSentences(batch, encode, encode(batch))
        gold, mentions = SpanTriples.gold(batch), self._candidates(plain)
        pairs = self.pairs.candidates(mentions)
        if self.training and self.pair_negatives is not None:
            related = self.pairs.gold(gold, mentions, pairs, plain.shape[1]).any(dim=1)
            pairs = pairs.select(drawn(pairs.row, related, self.pair_negatives))
        return {
            "tokens": plain.encoded,
            "mentions": mentions.as_tensor(),
            "first": pairs.first,
            "second": pairs.second,
            "pairs": self.pair_logits(plain, mentions, pairs),
        }

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of spans and of pairs, averaged over sentences."""
        gold = SpanTriples.gold(batch)
        of_spans = self.spans.loss(output["tokens"], batch.mask, gold.entities)
        mentions = Spans.from_tensor(output["mentions"], output["tokens"].new_ones(len(output["mentions"])))
        pairs = Pairs(output["first"], output["second"], mentions.batch_index[output["first"]])
        labels = self.pairs.gold(gold, mentions, pairs, batch.mask.shape[1])
        losses = self.pairs.losses(output["pairs"], labels)
        of_pairs = mean_of_rows(losses, pairs.row) if self.mean else losses.sum()
        return (of_spans + of_pairs) / len(batch)

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Find the mentions, then the relations between them."""
        plain = PlainSentences(batch, encode, encode(batch))
        return self.decoder.decode(self.relate(plain, self.spans(plain.encoded, batch.mask)), batch.examples)

    def relate(self, plain: PlainSentences, mentions: Spans) -> SpanTriples:
        """Find the relations between these mentions, which are in the order of the text."""
        pairs = self.pairs.candidates(mentions)
        parts = torch.arange(len(pairs), device=mentions.label.device).split(PAIRS_AT_ONCE)
        logits = torch.cat([self.pair_logits(plain, mentions, pairs.select(some)) for some in parts])
        return self.pairs.read(logits, mentions, pairs)

    def relations_between(
        self, batch: Batch, encode: Encode, entities: Sequence[Sequence[Entity]]
    ) -> list[list[Relation]]:
        """Classify the pairs of the given entities."""
        given = given_spans(entities, batch, [self._given_label(e) or 0 for of_one in entities for e in of_one])
        found = self.relate(PlainSentences(batch, encode, encode(batch)), given)
        return given_relations(found, entities, self.pairs.relations)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold labels of the pairs of gold mentions, as far as spans and pairs hold them."""
        gold = SpanTriples.gold(batch)
        mentions = self.spans.oracle(gold.entities, batch.mask.shape)
        pairs = self.pairs.candidates(mentions)
        labels = self.pairs.gold(gold, mentions, pairs, batch.mask.shape[1])
        return self.decoder.decode(self.pairs.read(self.pairs.certain(labels), mentions, pairs), batch.examples)

    def _candidates(self, plain: PlainSentences) -> Spans:
        """Return the mentions whose pairs are learned; of a gold one and an own one with equal tokens the gold one."""
        gold = SpanTriples.gold(plain.batch).entities
        if self.train_on == "gold":
            return gold
        with torch.no_grad():
            own = self.spans(plain.encoded, plain.batch.mask)
        if self.train_on == "own":
            return own
        names = ("batch_index", "label", "start", "last", "score")
        both = Spans(*(torch.cat((getattr(gold, name), getattr(own, name))) for name in names))
        return best_labels(both, plain.shape[1])

    def _label_of(self, entity: Entity, example: Example) -> int | None:
        return None if self._too_wide(entity) else self.types.label(entity, example)

    def _given_label(self, entity: Entity) -> int | None:
        return self.types.label(entity, Example([]))

    def _too_wide(self, entity: Entity) -> bool:
        return entity.located and len(range(*entity.span)) > self.max_width
