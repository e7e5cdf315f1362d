"""What heads share that classify spans, and then pairs of the mentions found."""

from typing import Literal, Protocol

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Example, Relation
from relx.data.spans import Spans, best_labels
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.heads.head import Encode, Given, Head, HeadOutput, PlainSentences, Targets, Thresholds
from relx.heads.schemes.mention_pairs import PAIRS_AT_ONCE, Pairs, PairScheme
from relx.heads.schemes.triples import FaultOf, SpanTripleDecoder, SpanTriples, SpanTripleTargets, given_spans
from relx.kernels.range_maximum import max_over
from relx.utils.argument_checks import require_sizes
from relx.utils.counting import drawn, mean_of_rows
from relx.utils.recomputing import recomputed

# Mentions whose pairs are learned: the gold ones, these and those that the spans' classifier finds, or only the latter.
TrainOn = Literal["gold", "both", "own"]


def mentions_and_between(e: Tensor, h: Tensor, mentions: Spans, pairs: Pairs) -> Tensor:
    """Represent pairs by [e(first); max of the tokens between, zeros if there are none; e(second)] (SpERT).

    ``e`` [mentions, span_dim] and ``h`` [rows, length, d] -> [pairs, 2 * span_dim + d].
    """
    first, second = mentions.select(pairs.first), mentions.select(pairs.second)
    after, before = torch.minimum(first.last, second.last), torch.maximum(first.start, second.start)
    between = max_over(h, pairs.row, after + 1, before - 1)  # [pairs, d]
    return torch.cat((e[pairs.first], between, e[pairs.second]), dim=-1)


class MentionFinder(Protocol):
    """Find labeled mentions, as ``SpanClassifier`` does."""

    def __call__(self, h: Tensor, mask: Tensor) -> Spans:
        """Find mentions in h [rows, length, d], in the order of the text."""

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Compute the loss, a sum over sentences: a scalar."""


class SpanPairHead(Head):
    """Classify spans as mentions, then the pairs of the mentions found.

    A subclass sets ``spans``, the finder of mentions, and writes ``pair_logits``; without ``spans`` the mentions are
    given. The pairs of the mentions that ``train_on`` names are learned, of those without relation at most
    ``pair_negatives`` of a sentence, drawn at random; None learns all of them. With ``mean`` a sentence's loss is the
    mean over its spans and over its pairs, otherwise their sum.
    """

    spans: MentionFinder | None

    def __init__(
        self,
        vocabulary: Vocabulary,
        pairs: PairScheme,
        fault_of: FaultOf,
        train_on: TrainOn = "gold",
        pair_negatives: int | None = None,
        mean: bool = False,
    ) -> None:
        super().__init__()
        self.spans = None
        require_sizes(pair_negatives=pair_negatives)
        self.types, self.pairs = EntityTypes(vocabulary), pairs
        self.train_on, self.pair_negatives, self.mean = train_on, pair_negatives, mean
        self.scheme = SpanTripleTargets(pairs.relations, self.types.label, False, fault_of)
        self.decoder = SpanTripleDecoder(pairs.relations, self.types.predicted)
        self.thresholds = Thresholds(relations=pairs.threshold)

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score some pairs of mentions: -> [pairs, pairs.num_logits]."""
        raise NotImplementedError

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``), as far as labels of pairs hold them."""
        return self.pairs.hold(example, self.scheme.write(example))

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute what the loss reads.

        ``tokens`` [batch, length, d] if there are ``spans``, the mentions whose pairs are learned, ``mentions``
        [mentions, 4], the indices ``first`` and ``second`` of the mentions of each pair, and ``pairs`` [pairs,
        num_logits].
        """
        plain = PlainSentences(batch, encode)
        gold, mentions = SpanTriples.gold(batch), self._candidates(plain)
        pairs = self.pairs.candidates(mentions)
        if self.training and self.pair_negatives is not None:
            related = self.pairs.gold(gold, mentions, pairs, plain.shape[1]).any(dim=1)
            pairs = pairs.select(drawn(pairs.row, related, self.pair_negatives))
        output = {"pairs": self._logits(plain, mentions, pairs), "first": pairs.first, "second": pairs.second}
        output["mentions"] = mentions.as_tensor()
        return output if self.spans is None else {**output, "tokens": plain.encoded}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of spans and of pairs, averaged over sentences."""
        gold = SpanTriples.gold(batch)
        mentions = Spans.from_tensor(output["mentions"], output["pairs"].new_ones(len(output["mentions"])))
        pairs = Pairs(output["first"], output["second"], mentions.batch_index[output["first"]])
        labels = self.pairs.gold(gold, mentions, pairs, batch.mask.shape[1])
        losses = self.pairs.losses(output["pairs"], labels)
        total = mean_of_rows(losses, pairs.row) if self.mean else losses.sum()
        if self.spans is not None:
            total = total + self.spans.loss(output["tokens"], batch.mask, gold.entities)
        return total / len(batch)

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Find the mentions, then the relations between them."""
        assert self.spans is not None
        plain = PlainSentences(batch, encode)
        return self.decoder.decode(self.relate(plain, self.spans(plain.encoded, batch.mask)), batch.examples)

    def relate(self, plain: PlainSentences, mentions: Spans) -> SpanTriples:
        """Find the relations between these mentions, which are in the order of the text."""
        pairs = self.pairs.candidates(mentions)
        logits = self._logits(plain, mentions, pairs)
        return self.pairs.read(logits, mentions, pairs, self.thresholds.relations)

    def _logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score any number of pairs in bounded memory: -> [pairs, pairs.num_logits]."""
        if len(pairs) <= PAIRS_AT_ONCE:
            return self.pair_logits(plain, mentions, pairs)
        if self.spans is not None:
            _ = plain.encoded  # all blocks read it
        blocks = torch.arange(len(pairs), device=mentions.label.device).split(PAIRS_AT_ONCE)
        return torch.cat([recomputed(self.pair_logits, plain, mentions, pairs.select(some)) for some in blocks])

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Classify the pairs of the given entities."""
        given = given_spans(entities, batch, self.types.given_labels(entities))
        return self.relate(PlainSentences(batch, encode), given).between(entities, self.pairs.relations)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold labels of the pairs of gold mentions."""
        gold = SpanTriples.gold(batch)
        pairs = self.pairs.candidates(gold.entities)
        labels = self.pairs.gold(gold, gold.entities, pairs, batch.mask.shape[1])
        found = self.pairs.read(self.pairs.certain(labels), gold.entities, pairs, self.pairs.threshold)
        return self.decoder.decode(found, batch.examples)

    def _candidates(self, plain: PlainSentences) -> Spans:
        """Return the mentions whose pairs are learned; of a gold one and an own one with equal tokens the gold one."""
        gold = SpanTriples.gold(plain.batch).entities
        if self.spans is None or self.train_on == "gold":
            return gold
        own = self.own_mentions(plain)
        return own if self.train_on == "own" else best_labels(gold.joined(own), plain.shape[1])

    def own_mentions(self, plain: PlainSentences) -> Spans:
        """Return the mentions that the finder finds at present."""
        assert self.spans is not None
        encoded = plain.encoded.detach()
        with torch.no_grad():
            return self.spans(encoded, plain.batch.mask)
