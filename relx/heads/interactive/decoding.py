"""What decoders write: a relation, then a head and a tail that are copied from the sentence (CopyRE, Zeng et al. 2018).

A triple is (relation, head, tail) as ids from 1: of the relation, and of the words that represent head and tail. Id 0
is NA.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Entity, Example, Relation
from relx.heads.interactive.layers import (
    HEAD,
    RELATION,
    STEPS,
    TAIL,
    CopyForm,
    Decoders,
    EncodedWords,
    WordScorer,
    of_decoder,
)
from relx.heads.schemes.pairs import AnchorTable

TripleOrder = Literal["position", "data"]

SURPLUS = "more triples in the sentence than decoders"


class TripleSequence:
    """Write a sentence's triples as a sequence of as many triples as there are ``decoders``, NA at its end.

    The triples are in the ``order`` of the position of head and tail or in that of the data.
    """

    def __init__(self, table: AnchorTable, decoders: int, order: TripleOrder) -> None:
        self.table = table
        self.decoders = decoders
        self.order = order

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """Return the triples [decoders, 3] and the relations that they do not hold; see ``AnchorTable.write``."""
        cells, lost = self.table.write(example, tagged)
        if self.order == "position":
            cells = cells[np.lexsort((cells[:, 0], cells[:, 2], cells[:, 1]))]
        triples = np.zeros((self.decoders, 3), dtype=np.int32)
        kept = cells[: self.decoders] + np.array([0, 1, 1], dtype=np.int32)
        triples[: len(kept)] = kept
        surplus = set(map(tuple, cells[self.decoders :].tolist()))
        already = {relation for relation, _ in lost}
        over = [r for r in example.relations if r not in already and self.table.cell(r) in surplus]
        return triples, lost + [(relation, SURPLUS) for relation in over]

    def read(
        self, triples: Iterable[Sequence[int]], scores: Iterable[float], spans: Mapping[int, Entity]
    ) -> list[Relation]:
        """Return the triples before the first with NA in it, each once; ``spans`` as in ``AnchorTable.read``."""
        found: dict[tuple[int, ...], Relation] = {}
        for triple, score in zip(triples, scores, strict=True):
            if 0 in triple:
                break
            relation, head, tail = (index - 1 for index in triple)
            found.setdefault(tuple(triple), self.table.read(relation, head, tail, score, spans))
        return list(found.values())


@dataclass(frozen=True)
class OutputSettings:
    """How logits are made from a state.

    ``selu_logits`` makes the logits of relations and of NA selu(W h) + b, as in CopyRE's code. ``allow_self=False``
    keeps the tail from being the head's word. ``zero_own_head`` sets the tail's logit of the word that the decoder
    itself copied as head to 0, as CopyRE's code does.
    """

    copy_score: CopyForm
    selu_logits: bool
    allow_self: bool
    zero_own_head: bool


class OutputLayer(nn.Module):
    """Make logits of relations and of words from the states of a decoder, each with NA as id 0."""

    def __init__(self, size: int, num_relations: int, settings: OutputSettings) -> None:
        super().__init__()
        self.selu = settings.selu_logits
        self.relation = nn.Linear(size, 1 + num_relations)
        self.copy = WordScorer(size, settings.copy_score)
        self.no_word = nn.Linear(size, 1)

    def relation_logits(self, h: Tensor) -> Tensor:
        """Compute W h + b: h [batch, k, d] -> [batch, k, 1 + relations]."""
        return self._linear(self.relation, h)

    def word_logits(self, h: Tensor, projected: Tensor, mask: Tensor) -> Tensor:
        """Compute q of NA and of the words (Eq. 3): h [batch, k, d] -> [batch, k, 1 + length], -inf at padding."""
        q = self.copy(h, projected).masked_fill(~mask.unsqueeze(1), -torch.inf)
        return torch.cat((self._linear(self.no_word, h), q), dim=-1)

    def _linear(self, layer: nn.Linear, h: Tensor) -> Tensor:
        return F.selu(F.linear(h, layer.weight)) + layer.bias if self.selu else layer(h)


class Candidates(NamedTuple):
    """What can be copied: NA and the words of each sentence.

    ``vectors`` [batch, 1 + length, d] is what a step reads of each; ``projected`` has o_i W_o [batch, length, hidden]
    for each output layer; ``mask`` [batch, length] is true for words.
    """

    vectors: Tensor
    projected: Sequence[Tensor]
    mask: Tensor


class TripleDecoder(nn.Module):
    """Hold the output layers of the decoders, and the vectors of what was written, which all decoders share.

    A copied word's vector is its encoding o_i.
    """

    def __init__(self, size: int, num_relations: int, decoders: Decoders, settings: OutputSettings) -> None:
        super().__init__()
        self.settings = settings
        self.outputs = decoders.modules(lambda: OutputLayer(size, num_relations, settings))
        self.relation_vectors = nn.Embedding(1 + num_relations, size)
        self.special_vectors = nn.Embedding(2, size)  # the start of a sentence's triples, and NA in place of a word

    def candidates(self, encoded: EncodedWords) -> Candidates:
        """Return what can be copied from these sentences."""
        na = self.special_vectors.weight[1].expand(len(encoded.words), 1, -1)
        projected = [output.copy.from_word(encoded.words) for output in self.outputs]  # type: ignore
        return Candidates(torch.cat((na, encoded.words), dim=1), projected, encoded.mask)

    def start(self, encoded: EncodedWords) -> Tensor:
        """Return y_0, the vector that the first step reads: [batch, d]."""
        return self.special_vectors.weight[0].expand(len(encoded.words), -1)

    def word_vectors(self, words: Tensor, candidates: Candidates) -> Tensor:
        """Look up the vectors of words: ids [batch, k] -> [batch, k, d]."""
        size = candidates.vectors.shape[-1]
        return candidates.vectors.gather(1, words.unsqueeze(-1).expand(-1, -1, size))

    def triple_vectors(self, triples: Tensor, candidates: Candidates) -> Tensor:
        """Look up the vectors of relation, head and tail: ids [batch, M, 3] -> [batch, 3 M, d]."""
        relations = self.relation_vectors(triples[..., :1])
        words = self.word_vectors(triples[..., 1:].flatten(1), candidates).unflatten(1, (-1, 2))
        return torch.cat((relations, words), dim=2).flatten(1, 2)

    def relation_logits(self, h: Tensor, m: int) -> Tensor:
        """Compute relation logits with the output layer of decoder m: h [batch, k, d] -> [batch, k, 1 + relations]."""
        return of_decoder(self.outputs, m).relation_logits(h)

    def word_logits(self, h: Tensor, candidates: Candidates, m: int) -> Tensor:
        """Compute Eq. 3 with the output layer of decoder m: h [batch, k, d] -> [batch, k, 1 + length]."""
        return of_decoder(self.outputs, m).word_logits(h, of_decoder(candidates.projected, m), candidates.mask)

    def tail_logits(self, logits: Tensor, heads: Tensor, gold: Tensor | None) -> Tensor:
        """Take the word that was copied as head out of the word logits of tails [batch, k, 1 + length].

        ``heads`` [batch, k, 1 + length] are the word logits of the heads, ``gold`` [batch, k] the ids of the gold
        heads' words, 0 for none. At prediction there is no gold.
        """
        if self.settings.allow_self and not self.settings.zero_own_head:
            return logits
        words = heads.argmax(dim=-1) if self.settings.zero_own_head or gold is None else gold
        copied = F.one_hot(words, logits.shape[-1]).bool()
        copied[..., 0] = False  # NA
        return logits.masked_fill(copied, 0.0 if self.settings.zero_own_head else -torch.inf)

    def logits(self, states: Tensor, triples: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor]:
        """Compute the logits of gold triples [batch, M, 3] from the states of all steps [batch, 3 M, d] at once.

        -> relations [batch, M, 1 + relations], words [batch, M, 2, 1 + length].
        """
        relations, words = [], []
        groups = len(self.outputs)  # 1, with the steps of all decoders in it, or one for each decoder
        parts = states.unflatten(1, (-1, len(STEPS))).chunk(groups, dim=1)  # [batch, M / groups, 3, d]
        for m, (part, gold) in enumerate(zip(parts, triples.chunk(groups, dim=1), strict=True)):
            relation, head, tail = part.unbind(dim=2)  # [batch, M / groups, d] each
            heads = self.word_logits(head, candidates, m)
            tails = self.tail_logits(self.word_logits(tail, candidates, m), heads, gold[..., HEAD])
            relations.append(self.relation_logits(relation, m))
            words.append(torch.stack((heads, tails), dim=2))
        return torch.cat(relations, dim=1), torch.cat(words, dim=1)


class TeacherForcing:
    """Let each step read the gold triple [batch, M, 3] of the step before."""

    def __init__(self, decoder: TripleDecoder, encoded: EncodedWords, gold: Tensor) -> None:
        self.decoder = decoder
        self.candidates = decoder.candidates(encoded)
        self.start = decoder.start(encoded)
        self.gold = gold
        self.vectors = decoder.triple_vectors(gold, self.candidates).unbind(dim=1)

    def __call__(self, m: int, t: int, h: Tensor) -> Tensor:
        """Return y_t: [batch, d]."""
        return self.vectors[len(STEPS) * m + t]

    def logits(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits as ``TripleDecoder.logits`` does."""
        return self.decoder.logits(states, self.gold, self.candidates)


class GreedyDecoder:
    """Let each step read the best of what the step before wrote, and keep the logits.

    ``gold`` triples [batch, M, 3] say which word a tail may not copy; without them it is the head's own.
    """

    def __init__(self, decoder: TripleDecoder, encoded: EncodedWords, gold: Tensor | None) -> None:
        self.decoder = decoder
        self.start = decoder.start(encoded)
        self.candidates = decoder.candidates(encoded)
        self.gold = gold
        self.relations: list[Tensor] = []
        self.words: list[Tensor] = []

    def __call__(self, m: int, t: int, h: Tensor) -> Tensor:
        """Return y_t: h [batch, d] -> [batch, d]."""
        h = h.unsqueeze(1)
        if t == RELATION:
            self.relations.append(self.decoder.relation_logits(h, m))
            return self.decoder.relation_vectors(self.relations[-1].argmax(dim=-1)).squeeze(1)
        logits = self.decoder.word_logits(h, self.candidates, m)
        if t == TAIL:
            gold = self.gold[:, m, HEAD : HEAD + 1] if self.gold is not None else None
            logits = self.decoder.tail_logits(logits, self.words[-1], gold)
        self.words.append(logits)
        return self.decoder.word_vectors(logits.argmax(dim=-1), self.candidates).squeeze(1)

    def logits(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of all steps, shaped as ``TripleDecoder.logits`` has them."""
        return torch.cat(self.relations, dim=1), torch.cat(self.words, dim=1).unflatten(1, (-1, 2))
