"""SPE: the architecture over which span and span-pair encoders are pre-trained (Wang et al. 2020, EMNLP)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.spans import Spans, best_labels, find
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2vec import Seq2VecEncoder
from relx.heads.head import Head, PlainSentences
from relx.heads.schemes.mention_pairs import Pairs, PairScheme
from relx.heads.schemes.span_pairs import SpanPairHead
from relx.heads.schemes.tags import TagScheme, spans_of_tags, tags_of_spans
from relx.heads.schemes.triples import overlaps_longer
from relx.kernels.range_maximum import max_over
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_shares, require_sizes

WIDTHS = (2, 3, 4)

# The five parts of a sentence around a pair of mentions, by their distances from the first and from the second mention.
FROM_FIRST, FROM_SECOND = (-1, 0, 1, 2, 3), (-3, -2, -1, 0, 1)
# The schedule of the public code: gold mentions in the first epochs, then less and less often.
GOLD_EPOCHS, DECAY = 5, 3.0


class ConvolutionOfSpan(nn.Module):
    """Represent a span by gelu(convolution) of each width, and its maximum over the windows in the span (SPE).

    A span that is shorter than a filter is filled up with zeros. A sentence is convolved once for all of its spans.
    A span without tokens (``last`` before ``start``) is zero: -> [spans, filters * number of widths].
    """

    def __init__(self, input_dim: int, filters: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        require_sizes(filters=filters, widths=min(widths))
        self.widths = widths
        self.convolutions = nn.ModuleList(nn.Conv1d(input_dim, filters, width) for width in widths)
        self.output_dim = filters * len(widths)

    def forward(self, h: Tensor, spans: Spans) -> Tensor:
        """[rows, length, input_dim] -> [spans, output_dim]."""
        return torch.cat([self._of_width(h, spans, index) for index in range(len(self.widths))], dim=-1)

    def _of_width(self, h: Tensor, spans: Spans, index: int) -> Tensor:
        width, convolution = self.widths[index], self.convolutions[index]
        filled = F.pad(h, (0, 0, 0, width))  # [rows, length + width, d]
        windows = F.gelu(convolution(filled.transpose(1, 2))).transpose(1, 2)  # [rows, length + 1, filters]
        found = max_over(windows, spans.batch_index, spans.start, spans.last - width + 1)  # zeros: too short
        size = spans.last - spans.start + 1
        short = ((size > 0) & (size < width)).nonzero().squeeze(1)
        if not len(short):
            return found
        token = spans.start[short].unsqueeze(1) + torch.arange(width, device=h.device)  # [short, width]
        inside = token <= spans.last[short].unsqueeze(1)
        tokens = filled[spans.batch_index[short].unsqueeze(1), token] * inside.unsqueeze(-1)
        of_short = F.gelu(convolution(tokens.transpose(1, 2))).squeeze(2)  # [short, filters]
        return found.index_copy(0, short, of_short)


class BoundarySpans(nn.Module):
    """Tag the boundaries of mentions (B, I, E, S or O), then give each tagged span a label, or none.

    ``represent`` makes vectors of spans. In training the gold spans and the tagged ones learn their labels.
    """

    def __init__(self, input_dim: int, num_labels: int, hidden_size: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.scheme = TagScheme(["mention"], "BIES")
        self.boundaries = nn.Linear(input_dim, self.scheme.size)
        self.convolution = ConvolutionOfSpan(input_dim, filters, WIDTHS)
        self.hidden = nn.Linear(self.convolution.output_dim, hidden_size)
        self.label = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, 1 + num_labels))

    def represent(self, h: Tensor, spans: Spans) -> Tensor:
        """Compute the vectors of spans: [rows, length, input_dim] -> [spans, hidden_size]."""
        return self.hidden(self.convolution(h, spans))

    def tagged(self, h: Tensor, mask: Tensor) -> Spans:
        """Return the spans that the best tags spell."""
        return spans_of_tags(self.scheme, self.boundaries(h), mask)

    def forward(self, h: Tensor, mask: Tensor) -> Spans:
        """Find the tagged spans whose best label is not none."""
        spans = self.tagged(h, mask)
        score, label = self.label(self.represent(h, spans)).softmax(dim=-1).max(dim=-1)
        found = Spans(spans.batch_index, label - 1, spans.start, spans.last, score)
        return found.select(label > 0)

    def loss(self, h: Tensor, mask: Tensor, gold: Spans) -> Tensor:
        """Sum the cross entropies of the tags and of the labels of gold and tagged spans: a scalar."""
        tags = tags_of_spans(self.scheme, gold.unlabeled(), mask.shape)
        of_tags = (F.cross_entropy(self.boundaries(h).transpose(1, 2), tags, reduction="none") * mask).sum()
        with torch.no_grad():
            own = self.tagged(h, mask)
        spans = best_labels(gold.joined(own), mask.shape[1])
        index, known = find(spans, gold, mask.shape[1])
        label = torch.where(known, gold.label[index] + 1, 0) if len(gold) else torch.zeros_like(spans.label)
        return of_tags + F.cross_entropy(self.label(self.represent(h, spans)), label, reduction="sum")


class PositionAwareAttention(nn.Module):
    """Sum five parts h_i with the weights softmax(v tanh(W [h_i; q; p_i; p'_i])): -> [pairs, input_dim].

    q is a vector of the sentence, p_i and p'_i are embeddings of the distances of the part from both mentions (Zhang et
    al. 2017).
    """

    def __init__(self, input_dim: int, query_dim: int, position_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.first = nn.Embedding(len(FROM_FIRST), position_dim)
        self.second = nn.Embedding(len(FROM_SECOND), position_dim)
        self.hidden = nn.Linear(input_dim + query_dim + 2 * position_dim, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def forward(self, parts: Tensor, query: Tensor) -> Tensor:
        """[pairs, 5, input_dim] and [pairs, query_dim] -> [pairs, input_dim]."""
        each = (*parts.shape[:2], -1)  # a query and two places for each part
        read = (query.unsqueeze(1).expand(each), self.first.weight.expand(each), self.second.weight.expand(each))
        weights = self.score(torch.tanh(self.hidden(torch.cat((parts, *read), dim=-1)))).softmax(dim=1)  # [pairs, 5, 1]
        return (weights * parts).sum(dim=1)


class ScheduledSampling(nn.Module):
    """Decide for each sentence of a training step whether it reads gold results or the model's own.

    ``batches_per_epoch`` batches count as an epoch e: gold has the probability 1 in the first 5 epochs, and k / (k +
    exp((e - 5) / k)) with k = 3 from then on. Without it everything is gold. The number of batches is saved with the
    weights, so that a resumed run continues at the same place.
    """

    batches: Tensor

    def __init__(self, batches_per_epoch: int | None) -> None:
        super().__init__()
        require_sizes(batches_per_epoch=batches_per_epoch)
        self.batches_per_epoch = batches_per_epoch
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @property
    def probability(self) -> float:
        """The probability of gold at present."""
        if self.batches_per_epoch is None:
            return 1.0
        epochs = self.batches.item() / self.batches_per_epoch - GOLD_EPOCHS
        return 1.0 if epochs < 0 else DECAY / (DECAY + math.exp(min(epochs / DECAY, 700)))

    def forward(self, sentences: int) -> Tensor:
        """Return which of so many sentences read gold, [sentences], and count a batch."""
        gold = torch.rand(sentences, device=self.batches.device) < self.probability
        if self.training:
            self.batches += 1
        return gold


@Head.register("spe")
class SPE(SpanPairHead):
    """Tag mentions, label them by a CNN, and classify each pair from the five parts of its sentence (SPE).

    The parts of a pair, in the order of the text, are the words before, the first mention, the words between, the
    second mention, and the words after. Each is a vector by a CNN, zero if it has no words; an attention that reads the
    places of the parts and a vector of the sentence sums them. A pair has one label: a relation with a direction, or
    none. The paper's pre-training is not part of relx. docs/systems/spe.md lists what was checked, and the deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types and the relation types.
        filters: Filters of each width, 2, 3 and 4, of the two CNNs.
        hidden_size: Size of the vectors of the parts.
        position_dim: Size of the embeddings of the parts' places.
        attention_size: Hidden size of the attention.
        pair_size: Hidden size of the classifier of pairs.
        sentence: The encoder of the sentence's vector, by default the ``mean`` of the tokens.
        batches_per_epoch: How many batches the schedule counts as an epoch; from the sixth on, more and more sentences
            learn the pairs of the model's own mentions. Null learns those of gold mentions only.
        dropout: Dropout on the vectors of spans, and in the classifier of pairs.
    """

    spans: BoundarySpans

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        filters: int = 100,
        hidden_size: int = 300,
        position_dim: int = 100,
        attention_size: int = 500,
        pair_size: int = 128,
        sentence: Lazy[Seq2VecEncoder] | None = None,
        batches_per_epoch: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        scheme = PairScheme(vocabulary.relations(), "in_text", "one")
        super().__init__(vocabulary, scheme, overlaps_longer)
        require_sizes(hidden_size=hidden_size, position_dim=position_dim, attention_size=attention_size)
        require_sizes(pair_size=pair_size)
        require_shares(dropout=dropout)
        self.spans = BoundarySpans(input_dim, len(self.types.names), hidden_size, filters, dropout)
        self.context = ConvolutionOfSpan(input_dim, filters, WIDTHS)
        self.sentence = (sentence or Seq2VecEncoder.named("mean")).build(input_dim=input_dim)
        self.attention = PositionAwareAttention(hidden_size, self.sentence.output_dim, position_dim, attention_size)
        self.pair = nn.Sequential(
            nn.Linear(hidden_size, pair_size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(pair_size, scheme.num_logits)
        )
        self.sampling = ScheduledSampling(batches_per_epoch)

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score pairs by their five parts: -> [pairs, num_logits]."""
        h, mask = plain.encoded, plain.batch.mask
        e = self.spans.represent(h, mentions)  # [mentions, hidden_size]
        one, other = mentions.select(pairs.first), mentions.select(pairs.second)
        zero, last = torch.zeros_like(pairs.row), mask.sum(dim=1)[pairs.row] - 1
        before = self._context(h, one, zero, one.start - 1)
        between = self._context(h, one, one.last + 1, other.start - 1)
        after = self._context(h, one, torch.maximum(one.last, other.last) + 1, last)
        parts = torch.stack((before, e[pairs.first], between, e[pairs.second], after), dim=1)
        return self.pair(self.attention(parts, self.sentence(h, mask)[pairs.row]))

    def _context(self, h: Tensor, spans: Spans, start: Tensor, last: Tensor) -> Tensor:
        """Compute the vectors of the words ``start`` to ``last`` in the rows of ``spans``, zero without words."""
        words = Spans(spans.batch_index, spans.label, start, last, spans.score)
        vectors = self.spans.hidden(self.context(h, words))  # one projection for mentions and contexts
        return vectors * (last >= start).unsqueeze(1)

    def _candidates(self, plain: PlainSentences) -> Spans:
        """Return, as the schedule decides for each sentence, its gold mentions or the model's own."""
        gold = super()._candidates(plain)
        if not self.training:
            return gold
        of_gold = self.sampling(len(plain.batch))
        if bool(of_gold.all()):
            return gold
        own = self.own_mentions(plain)
        chosen = gold.select(of_gold[gold.batch_index]).joined(own.select(~of_gold[own.batch_index]))
        return best_labels(chosen, plain.shape[1])
