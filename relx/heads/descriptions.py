"""Relations by description: a pair of mentions is compared with what each label means in words (relx's own)."""

from collections.abc import Mapping
from copy import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Example
from relx.data.spans import Spans
from relx.data.vocabulary import RELATIONS, Vocabulary
from relx.heads.head import Encode, Head, PlainSentences
from relx.heads.schemes.descriptions import descriptions_of, escaped, filled, label_words, with_described
from relx.heads.schemes.mention_pairs import CERTAIN, Labels, Pairs, PairScheme
from relx.heads.schemes.span_pairs import SpanPairHead, TrainOn, mentions_and_between
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples
from relx.heads.spans.classifier import SpanClassifier, fault_of_span, feed_forward
from relx.registry import Injected
from relx.utils.argument_checks import require_effect, require_sizes
from relx.utils.counting import drawn

# The factor of the cosine at the start of training.
SCALE = 10.0


@Head.register("descriptions")
class Descriptions(SpanPairHead):
    """Classify all short spans, then compare each pair of mentions with the descriptions of the relations.

    The description of a relation r is encoded like a sentence; d_r is the mean of its words. A pair is g = [e(head);
    max of the tokens between; e(tail)], as in SpERT. A relation has the logit exp(s) cos(W g, d_r), and no relation has
    v g + b. No weight belongs to a relation, so the model also predicts relations that are only described to it.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types and the relation types.
        relations: What each relation of the training data means in words, by default the words of its name.
        max_width: The most tokens of a span. Wider gold mentions are lost.
        width_dim: Size of the embedding of a span's width.
        negatives: How many spans without label are drawn from each sentence in training; null learns all of them.
        pair_negatives: How many pairs without relation are drawn from each sentence; null learns all of them.
        relation_negatives: How many relations that no sentence of the batch holds are drawn in a step of training, to
            be compared beside those that it holds; null compares all of them.
        labels: Whether a pair has ``one`` relation or ``several``, each of which is compared with no relation.
        threshold: The probability from which a relation counts, with several labels.
        train_on: The mentions whose pairs are learned: the ``gold`` ones, ``both`` these and the model's ``own``, or
            only the latter.
        dropout: Dropout on the vectors of spans and of pairs.
    """

    spans: SpanClassifier
    described = (RELATIONS,)

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        relations: dict[str, str] | None = None,
        max_width: int = 10,
        width_dim: int = 25,
        negatives: int | None = 100,
        pair_negatives: int | None = 100,
        relation_negatives: int | None = None,
        labels: Labels = "one",
        threshold: float = 0.5,
        train_on: TrainOn = "gold",
        dropout: float = 0.1,
    ) -> None:
        require_sizes(relation_negatives=relation_negatives)
        require_effect(Descriptions, {"labels=one": {"threshold": threshold} if labels == "one" else {}})
        scheme = PairScheme(vocabulary.relations(), "ordered", labels, threshold=threshold)
        super().__init__(vocabulary, scheme, fault_of_span(max_width), train_on, pair_negatives, mean=True)
        texts = descriptions_of(scheme.relations, relations, "relations", lambda label: escaped(label_words(label)))
        self.descriptions = [filled(text, {}) for text in texts]
        self.input_dim, self.relation_negatives = input_dim, relation_negatives
        self.words = [word for text in self.descriptions for word in text]
        self.spans = SpanClassifier(
            input_dim, len(self.types.names), max_width, "max", width_dim,
            dropout=dropout, negatives=negatives, mean=True,
        )  # fmt: skip
        pair_dim = input_dim + 2 * self.spans.span_dim
        self.pair = feed_forward(pair_dim, (), input_dim, dropout)
        self.none = nn.Linear(pair_dim, 1)
        self.scale = nn.Parameter(torch.tensor(SCALE).log())

    def with_relations(self, descriptions: Mapping[str, str]) -> "Descriptions":
        """Return this head, with the same weights, such that it also compares pairs with these descriptions."""
        more = copy(self)
        more.pairs = self.pairs.with_relations(with_described(self.pairs.relations, descriptions))
        more.descriptions = [*self.descriptions, *(filled(text, {}) for text in descriptions.values())]
        more.decoder = SpanTripleDecoder(more.pairs.relations, self.types.predicted)
        return more

    def pair_logits(self, plain: PlainSentences, mentions: Spans, pairs: Pairs) -> Tensor:
        """Score pairs: -> [pairs, num_logits], of one label no relation first."""
        e = self.spans.represent(plain.encoded, mentions)  # [mentions, span_dim]
        g = mentions_and_between(e, plain.encoded, mentions, pairs)  # [pairs, pair_dim]
        compared = self._compared(plain)
        d = F.normalize(self.encoded(plain.encode, compared), dim=-1)  # [compared, input_dim]
        cosines = F.normalize(self.pair(g), dim=-1) @ d.T  # [pairs, compared]
        logits = g.new_full((len(g), len(self.descriptions)), -CERTAIN)  # [pairs, relations]
        logits = logits.index_copy(1, compared, self.scale.exp() * cosines)
        none = self.none(g)  # [pairs, 1]
        return torch.cat((none, logits), dim=-1) if self.pairs.one else logits - none

    def encoded(self, encode: Encode, which: Tensor) -> Tensor:
        """Encode the descriptions of these relations, each as the mean of its words: -> [which, input_dim]."""
        if not len(which):
            return self.none.weight.new_zeros(0, self.input_dim)
        batch = encode.batch_of([_sentence(self.descriptions[relation]) for relation in which.tolist()])
        mask = batch.mask.unsqueeze(-1)
        return (encode(batch) * mask).sum(dim=1) / mask.sum(dim=1)

    def _compared(self, plain: PlainSentences) -> Tensor:
        """Return the relations to compare, in order: in training those of the batch and some others."""
        every = torch.arange(len(self.descriptions), device=plain.batch.mask.device)
        if not self.training or self.relation_negatives is None:
            return every
        held = torch.isin(every, SpanTriples.gold(plain.batch).relation)
        return drawn(torch.zeros_like(every), held, self.relation_negatives)


def _sentence(words: list[str]) -> Example:
    """Make a sentence of a description, of which no tag and no tree is known."""
    unknown = [""] * len(words)
    return Example(words, pos_tags=unknown, dependency_heads=[0] * len(words), deprels=unknown)
