"""The bidirection-interactive Seq2Seq model, and its kin CopyRE (Zeng et al. 2018) and CopyMTL (Zeng et al. 2020)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2vec.pooling import MeanEncoder
from relx.heads.head import Encode, Head, HeadOutput, Targets, prediction
from relx.heads.interactive.decoding import GreedyDecoder, TripleDecoder, TripleOrder, TripleSequence
from relx.heads.interactive.layers import (
    AttentionForm,
    CopyForm,
    DecodeLayer,
    Decoders,
    InteractiveLayer,
    Sentences,
    Start,
    Weights,
)
from relx.heads.schemes.limits import Limit, Outcome
from relx.heads.schemes.pairs import Anchor, AnchorTable
from relx.heads.schemes.tags import EntityTags, EntityTypes, best_tags, certain, tagging_loss
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes

ONE_PAIR = "the linear copy score copies the same two words in every decoder"
ONE_WORD = "the linear copy score of a decoder copies the same word as head and as tail"


@Head.register("interactive")
class Interactive(Head):
    """Decoders in a row that write one triple each: a relation, then two words copied from the sentence.

    ``interactive_layer=false`` leaves out the layer of Eq. 2, and ``decode_attention=false`` what the decode layer
    attends to. CopyRE and CopyMTL have no interactive layer; docs/heads.md has their values of all arguments, and
    docs/fidelity.md what was compared with their public code. CopyRE's MultiDecoder has ``weights="separate"`` and a
    linear ``copy_score``. CopyMTL has ``weights="cells"``, ``copy_score="selu"`` and a ``tagger``: BIES tags of whole
    mentions, to which the copied word, the ``anchor`` of its mention, is widened.

    With ``teacher_forcing`` a step of training reads the gold triple, else what the model wrote in the step before.
    Of the decoders without a triple, ``na`` lets the ``first`` one learn to write NA, or ``all``. More gold triples
    than ``decoders`` are not learnt; see ``TripleSequence`` for their ``order``. ``dropout`` acts on the encoded words.
    ``zero_own_head``, ``selu_logits`` and ``restart`` are details of CopyRE's code; see ``TripleDecoder``.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        decoders: int = 5,
        interactive_layer: bool = True,
        decode_attention: bool = True,
        weights: Weights = "separate",
        start: Start = "averaged",
        attention: AttentionForm = "tanh",
        copy_score: CopyForm = "selu",
        tagger: bool = False,
        teacher_forcing: bool = True,
        na: Literal["first", "all"] = "first",
        order: TripleOrder = "position",
        anchor: Anchor = "last",
        allow_self: bool = True,
        zero_own_head: bool = False,
        selu_logits: bool = False,
        restart: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(decoders=decoders)
        if zero_own_head and not allow_self:
            raise ValueError("zero_own_head has no effect with allow_self=false; leave out one of them")
        relations = vocabulary.relations()
        self.slots = TripleSequence(AnchorTable(relations, anchor, allow_self), decoders, order)
        self.teacher_forcing = teacher_forcing
        self.na = na
        self.dropout = nn.Dropout(dropout)
        self.mean = MeanEncoder(input_dim)
        chain = Decoders(decoders, weights, start)
        self.interactive = InteractiveLayer(input_dim, chain, attention) if interactive_layer else None
        self.decode_layer = DecodeLayer(input_dim, chain, attention if decode_attention else None, interactive_layer)
        self.writer = TripleDecoder(
            input_dim, len(relations), chain, copy_score, allow_self, zero_own_head, selu_logits, restart
        )
        self.entity_tags = EntityTags(EntityTypes(vocabulary, None)) if tagger else None
        self.tagger = nn.Linear(input_dim, self.entity_tags.scheme.size) if self.entity_tags is not None else None

    def targets(self, example: Example) -> Targets:
        """``triples`` [decoders, 3], as ``TripleSequence`` has them, and ``entity_tags`` [length] if there is a
        tagger.
        """
        if self.entity_tags is None:
            triples, lost = self.slots.write(example, [])
            return Targets({"triples": triples}, lost)
        tags = self.entity_tags.write(example)
        triples, lost = self.slots.write(example, self.entity_tags.read(tags.tolist(), [1.0] * len(tags)))
        return Targets({"triples": triples, "entity_tags": tags}, lost)

    def limits(self, held: Example) -> list[Limit]:
        """Find the relations that are lost because the rank of a word to copy does not depend on the step.

        That is so with ``copy_score="linear"`` and ``"linear_selu"``: an output layer always copies the same word as
        head. As tail it copies that word too, or the second best if ``allow_self`` forbids it, or one of both with
        ``zero_own_head``. With ``weights="separate"`` each decoder has an output layer of its own.
        """
        outputs = self.writer.outputs
        if self.writer.output_of(0).copy.ranks_by_state:
            return []
        pairs: dict[tuple[int, int], list[Relation]] = defaultdict(list)
        for relation in held.relations:
            pairs[self.slots.cells.tokens(relation)].append(relation)
        if not self.writer.zero_own_head:
            pairs = {pair: of for pair, of in pairs.items() if (pair[0] == pair[1]) == self.slots.cells.allow_self}
        choices = {
            pair: of if pair[0] == pair[1] else of + pairs.get((pair[0], pair[0]), []) for pair, of in pairs.items()
        }
        best = max(choices.values(), key=len, default=[]) if len(outputs) == 1 else sum(pairs.values(), [])
        lost = tuple(relation for relation in held.relations if relation not in best)
        cause = ONE_PAIR if len(outputs) == 1 else ONE_WORD
        return [Limit(cause, [Outcome(lost)])] if lost else []

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Logits whose number 0 is NA: ``relation`` [batch, decoders, 1 + relations], ``words`` of head and tail
        [batch, decoders, 2, 1 + length]; and ``entity`` [batch, length, tags] if there is a tagger."""
        words = self.dropout(encode(batch))
        sentences = Sentences(words, batch.mask, self.mean(words, batch.mask))
        interactive = self.interactive(sentences) if self.interactive is not None else None
        gold = batch["triples"] if self.training else None
        if gold is not None and self.teacher_forcing:
            relation, copied = self._with_gold(sentences, interactive, gold)
        else:
            feed = GreedyDecoder(self.writer, sentences, gold)
            relation, copied = feed.logits(self.decode_layer(sentences, interactive, feed)[:, -1])
        scores = {"relation": relation, "words": copied}
        return scores if self.tagger is None else {**scores, "entity": self.tagger(words)}

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Cross entropy of what the decoders write and of the tags, summed over sentences, averaged over them."""
        triples = batch["triples"]
        relation = F.cross_entropy(scores["relation"].flatten(0, 1), triples[..., 0].flatten(), reduction="none")
        words = F.cross_entropy(scores["words"].flatten(0, 2), triples[..., 1:].flatten(), reduction="none")
        of_slots = relation.view(triples.shape[:2]) + words.view(*triples.shape[:2], 2).sum(dim=-1)
        if self.na == "first":
            of_slots = of_slots * ((triples[..., 0] == 0).cumsum(dim=1) <= 1)
        loss = of_slots.sum() / len(batch)
        return loss if self.tagger is None else loss + tagging_loss(scores["entity"], batch["entity_tags"], batch.mask)

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """The triples before the first NA; a copied word has the extent of the predicted entity that it anchors."""
        entities = self._entities(scores, batch)
        (relation, *words), sure = _best(scores)
        slots, probabilities = torch.stack((relation, *words), dim=-1).tolist(), sure.tolist()
        extents = map(self.slots.cells.by_anchor, entities)
        relations = map(self.slots.read, slots, probabilities, extents)
        return list(map(prediction, batch.examples, entities, relations))

    def oracle(self, batch: Batch) -> list[Example]:
        """Decode logits that leave no doubt of the target triples and tags."""
        triples = batch["triples"]
        relation = certain(triples[..., 0], 1 + len(self.slots.cells.relations))
        scores = {"relation": relation, "words": certain(triples[..., 1:], 1 + batch.mask.shape[1])}
        if self.entity_tags is not None:
            scores["entity"] = certain(batch["entity_tags"], self.entity_tags.scheme.size)
        return self.decode(scores, batch)

    def _with_gold(self, sentences: Sentences, interactive: Tensor | None, gold: Tensor) -> tuple[Tensor, Tensor]:
        candidates = self.writer.candidates(sentences)
        start, fed = self.writer.start(sentences), self.writer.vectors(gold, candidates).unbind(dim=1)

        def feed(step: int, _: Tensor | None) -> Tensor:
            return start if self.writer.starts(step) else fed[step - 1]

        states = self.decode_layer(sentences, interactive, feed)
        return self.writer.write(states, gold, candidates)

    def _entities(self, scores: HeadOutput, batch: Batch) -> Sequence[list[Entity]]:
        if self.entity_tags is None:
            return [[] for _ in batch.examples]
        return list(map(self.entity_tags.read, *best_tags(scores["entity"], batch.mask)))


def _best(scores: HeadOutput) -> tuple[tuple[Tensor, ...], Tensor]:
    """The best relation, head and tail of each decoder, each [batch, decoders], and the product of their chances."""
    logits = (scores["relation"], *scores["words"].unbind(dim=2))
    best, numbers = zip(*(of.max(dim=-1) for of in logits), strict=True)
    sure = torch.stack([top - of.logsumexp(dim=-1) for top, of in zip(best, logits, strict=True)]).sum(dim=0).exp()
    return numbers, sure
