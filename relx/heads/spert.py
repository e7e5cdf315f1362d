"""SpERT: span-based joint extraction with transformers (Eberts & Ulges 2020, ECAI)."""

from torch import Tensor

from relx.data.spans import Overlap, Spans
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2vec import Seq2VecEncoder
from relx.heads.head import Head, PlainSentences
from relx.heads.schemes.mention_pairs import Labels, Pairs, PairScheme
from relx.heads.schemes.span_pairs import SpanPairHead, TrainOn, mentions_and_between
from relx.heads.spans.classifier import SpanClassifier, fault_of_span, feed_forward
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect


@Head.register("spert")
class SpERT(SpanPairHead):
    """Classify all short spans, then each ordered pair of mentions, also of nested ones.

    A span is e(s) = [max of its tokens; w(width)], and its label comes from [e(s); c], with c a vector of the sentence.
    A pair is [e(head); max of the tokens between; e(tail)]. The loss is the mean over the spans of a sentence plus the
    mean over its pairs. docs/systems/spert.md lists what was checked, and the deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types and the relation types.
        max_width: The most tokens of a span. Wider gold mentions are lost.
        width_dim: Size of the embedding of a span's width.
        overlap: Whether spans that overlap are all found (``keep``), or the most probable of them (``best``).
        negatives: How many spans without label are drawn from each sentence in training; null learns all of them.
        pair_negatives: How many pairs without relation are drawn from each sentence; null learns all of them.
        sentence: The encoder of the sentence's vector c, by default the ``mean`` of the tokens.
        labels: Whether a pair has ``one`` relation or ``several``, each with a probability of its own.
        threshold: The probability from which a relation counts, with several labels.
        train_on: The mentions whose pairs are learned: the ``gold`` ones, ``both`` these and the model's ``own``, or
            only the latter.
        dropout: Dropout on the vectors of spans and of pairs.
    """

    spans: SpanClassifier

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        max_width: int = 10,
        width_dim: int = 25,
        overlap: Overlap = "keep",
        negatives: int | None = 100,
        pair_negatives: int | None = 100,
        sentence: Lazy[Seq2VecEncoder] | None = None,
        labels: Labels = "several",
        threshold: float = 0.4,
        train_on: TrainOn = "gold",
        dropout: float = 0.1,
    ) -> None:
        require_effect(SpERT, {"labels=one": {"threshold": threshold} if labels == "one" else {}})
        scheme = PairScheme(vocabulary.relations(), "ordered", labels, threshold=threshold)
        super().__init__(vocabulary, scheme, fault_of_span(max_width, overlap), train_on, pair_negatives, mean=True)
        c = (sentence or Seq2VecEncoder.named("mean")).build(input_dim=input_dim)
        self.spans = SpanClassifier(
            input_dim, len(self.types.names), max_width, "max", width_dim,
            dropout=dropout, sentence=c, negatives=negatives, mean=True, overlap=overlap,
        )  # fmt: skip
        self.pair = feed_forward(input_dim + 2 * self.spans.span_dim, (), scheme.num_logits, dropout)

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score [e(head); max of the tokens between, zeros if there are none; e(tail)]: -> [pairs, num_logits]."""
        e = self.spans.represent(plain.encoded, mentions)  # [mentions, span_dim]
        return self.pair(mentions_and_between(e, plain.encoded, mentions, pairs))
