"""The bidirection-interactive Seq2Seq model, and its kin CopyRE (Zeng et al. 2018) and CopyMTL (Zeng et al. 2020)."""

from collections import defaultdict
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.heads.head import Encode, Head, HeadOutput, Targets, prediction
from relx.heads.interactive.decoding import (
    GreedyDecoder,
    OutputSettings,
    TeacherForcing,
    TripleDecoder,
    TripleOrder,
    TripleSequence,
)
from relx.heads.interactive.layers import (
    AttentionForm,
    CopyForm,
    DecodeLayer,
    Decoders,
    EncodedWords,
    InteractiveLayer,
    Start,
    Weights,
)
from relx.heads.schemes.pairs import Anchor, AnchorTable
from relx.heads.schemes.tags import EntityTags, best_tags, gold_logits, tagging_loss
from relx.limits import Limit, Outcome
from relx.registry import Injected
from relx.utils.argument_checks import require_effect, require_sizes

ONE_PAIR = "the linear copy score copies the same two words in every decoder"
ONE_WORD = "the linear copy score of a decoder copies the same word as head and as tail"


@Head.register("interactive")
class Interactive(Head):
    """Write triples with decoders in a row, each of them a relation and two words that are copied from the sentence.

    CopyRE and CopyMTL have no interactive layer. CopyRE's MultiDecoder has ``weights="separate"`` and a linear
    ``copy_score``, CopyMTL ``weights="cells"``, ``copy_score="selu"`` and a ``tagger``. docs/systems/interactive.md has
    their values of all arguments, and says what was compared with their public code.

    Args:
        input_dim: The size d of the encoded words, and of all states.
        vocabulary: The relation types and the entity types.
        decoders: The largest number of triples in a sentence. Further gold triples are not learned.
        interactive_layer: Whether there is an interactive layer (Eq. 2).
        decode_attention: Whether the decode layer attends to the sentence.
        weights: What each decoder owns: ``separate``, its LSTM cells, attention and output layers; ``cells``, its LSTM
            cells; ``shared``, nothing.
        start: The state in which a decoder starts: ``averaged``, the mean of the sentence's state and the last state of
            the decoder before it; ``carried``, the latter.
        attention: How the attention scores a word for a state. See ``copy_score``.
        copy_score: How a state scores a word to copy: with a hidden layer (``tanh``, ``selu``), or without
            (``linear``, ``linear_selu``), so that all states rank the words alike.
        tagger: Whether to tag mentions (BIES) too. A copied word then represents the mention of which it is the anchor.
        teacher_forcing: Whether a training step reads the gold triple, or what the model wrote in the step before.
        na: Of the decoders without a triple, the ``first`` learns to write NA, or ``all`` do.
        order: Decoders get gold triples by the ``position`` of head and tail, or in the order of the ``data``.
        anchor: The token that represents a mention.
        allow_self: Whether head and tail may be the same word.
        zero_own_head: Set the tail's logit of the word that the decoder itself copied as head to 0 (CopyRE's code).
        selu_logits: Make the logits of relations and of NA selu(W h) + b (CopyRE's code).
        restart: Let the first step of every decoder read the start vector (CopyRE's code).
        dropout: The dropout of the encoded words.
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
        unread = {} if interactive_layer or decode_attention else {"attention": attention}
        require_effect(Interactive, {"no interactive_layer and no decode_attention": unread})
        if zero_own_head and not allow_self:
            raise ValueError("zero_own_head has no effect with allow_self=false; leave out one of them")
        relations = vocabulary.relations()
        self.triples = TripleSequence(AnchorTable(relations, anchor, allow_self), decoders, order)
        self.teacher_forcing = teacher_forcing
        self.na = na
        self.dropout = nn.Dropout(dropout)
        row = Decoders(decoders, weights, start, restart)
        output = OutputSettings(copy_score, selu_logits, allow_self, zero_own_head)
        self.interactive = InteractiveLayer(input_dim, row, attention) if interactive_layer else None
        self.decode_layer = DecodeLayer(input_dim, row, attention if decode_attention else None, interactive_layer)
        self.decoder = TripleDecoder(input_dim, len(relations), row, output)
        self.entity_tags = EntityTags(EntityTypes(vocabulary)) if tagger else None
        self.tagger = nn.Linear(input_dim, self.entity_tags.scheme.size) if self.entity_tags is not None else None

    def targets(self, example: Example) -> Targets:
        """Write ``triples`` [decoders, 3] (``TripleSequence``), and ``entity_tags`` [length] if there is a tagger."""
        if self.entity_tags is None:
            triples, lost = self.triples.write(example, [])
            return Targets({"triples": triples}, lost)
        tags = self.entity_tags.write(example)
        triples, lost = self.triples.write(example, self.entity_tags.read(tags.tolist(), [1.0] * len(tags)))
        return Targets({"triples": triples, "entity_tags": tags}, lost)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the logits of the loss. They depend on the gold triples; see ``logits``."""
        return self.logits(batch, encode, batch["triples"])

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Decode what the decoders write when each step reads what the step before wrote."""
        return self.decode(self.logits(batch, encode, gold=None), batch)

    def logits(self, batch: Batch, encode: Encode, gold: Tensor | None) -> HeadOutput:
        """Compute logits, whose id 0 is NA.

        ``gold`` are the triples [batch, M, 3] of the loss. Each step reads them if ``teacher_forcing``, otherwise what
        the step before wrote, and the tail may not copy the gold head if ``allow_self`` is false.

        ``relation`` [batch, M, 1 + relations], ``words`` of head and tail [batch, M, 2, 1 + length], and ``entity``
        [batch, length, tags] if there is a tagger.
        """
        o = self.dropout(encode(batch))  # [batch, length, d]
        mean = (o * batch.mask.unsqueeze(-1)).sum(dim=1) / batch.mask.sum(dim=1, keepdim=True).clamp(min=1)
        words = EncodedWords(o, batch.mask, mean)
        h_d1 = self.interactive(words) if self.interactive is not None else None  # [batch, 3 M, d]
        inputs: TeacherForcing | GreedyDecoder
        if gold is not None and self.teacher_forcing:
            inputs = TeacherForcing(self.decoder, words, gold)
        else:
            inputs = GreedyDecoder(self.decoder, words, gold)
        h_d2 = self.decode_layer(words, h_d1, inputs)  # [batch, 3 M, d]
        relation, copied = inputs.logits(h_d2)
        output = {"relation": relation, "words": copied}
        return output if self.tagger is None else {**output, "entity": self.tagger(o)}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Sum the cross entropies of what the decoders write and of the tags, averaged over sentences."""
        triples = batch["triples"]  # [batch, M, 3]
        relation = F.cross_entropy(output["relation"].flatten(0, 1), triples[..., 0].flatten(), reduction="none")
        words = F.cross_entropy(output["words"].flatten(0, 2), triples[..., 1:].flatten(), reduction="none")
        of_triples = relation.view(triples.shape[:2]) + words.view(*triples.shape[:2], 2).sum(dim=-1)  # [batch, M]
        if self.na == "first":
            of_triples = of_triples * ((triples[..., 0] == 0).cumsum(dim=1) <= 1)
        loss = of_triples.sum() / len(batch)
        return loss if self.tagger is None else loss + tagging_loss(output["entity"], batch["entity_tags"], batch.mask)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the triples before the first NA; a copied word has the extent of the predicted entity that it anchors.

        The score of a triple is the product of the probabilities of its three parts.
        """
        logits = (output["relation"], *output["words"].unbind(dim=2))  # relation, head, tail: [batch, M, labels] each
        best, ids = zip(*(part.max(dim=-1) for part in logits), strict=True)
        log_probs = torch.stack([top - part.logsumexp(dim=-1) for top, part in zip(best, logits, strict=True)])
        triples, scores = torch.stack(ids, dim=-1).tolist(), log_probs.sum(dim=0).exp().tolist()
        entities: list[list[Entity]] = [[] for _ in batch.examples]
        if self.entity_tags is not None:
            entities = list(map(self.entity_tags.read, *best_tags(output["entity"], batch.mask)))
        spans = map(self.triples.table.spans_by_anchor, entities)
        return list(map(prediction, batch.examples, entities, map(self.triples.read, triples, scores, spans)))

    def oracle(self, batch: Batch) -> list[Example]:
        """Decode logits that leave no doubt of the target triples and tags."""
        triples = batch["triples"]
        relation = gold_logits(triples[..., 0], 1 + len(self.triples.table.relations))
        output = {"relation": relation, "words": gold_logits(triples[..., 1:], 1 + batch.mask.shape[1])}
        if self.entity_tags is not None:
            output["entity"] = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        return self.decode(output, batch)

    def limits(self, held: Example) -> list[Limit]:
        """Find the relations that are lost because the rank of a word to copy does not depend on the step.

        That is so with ``copy_score="linear"`` and ``"linear_selu"``: an output layer always copies the same word as
        head. As tail it copies that word too, or the second best if ``allow_self`` forbids it, or one of both with
        ``zero_own_head``. With ``weights="separate"`` each decoder has an output layer of its own.
        """
        outputs, table, settings = self.decoder.outputs, self.triples.table, self.decoder.settings
        if settings.copy_score == "selu":
            return []
        pairs: dict[tuple[int, int], list[Relation]] = defaultdict(list)
        for relation in held.relations:
            pairs[table.tokens(relation)].append(relation)
        if not settings.zero_own_head:
            pairs = {pair: of for pair, of in pairs.items() if (pair[0] == pair[1]) == table.allow_self}
        choices = {
            pair: of if pair[0] == pair[1] else of + pairs.get((pair[0], pair[0]), []) for pair, of in pairs.items()
        }
        best = max(choices.values(), key=len, default=[]) if len(outputs) == 1 else sum(pairs.values(), [])
        lost = tuple(relation for relation in held.relations if relation not in best)
        cause = ONE_PAIR if len(outputs) == 1 else ONE_WORD
        return [Limit(cause, [Outcome(lost)])] if lost else []
