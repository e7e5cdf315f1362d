"""What a decoder's state writes: a relation, or a word that is copied from the sentence (CopyRE, Zeng et al. 2018)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.example import Entity, Example, Relation
from relx.heads.interactive.layers import STEPS, CopyForm, Decoders, Sentences, WordScorer
from relx.heads.schemes.pairs import AnchorTable

TripleOrder = Literal["position", "data"]
Slot = Sequence[int]

SURPLUS = "more triples in the sentence than decoders"


class TripleSequence:
    """A slot is (relation, head, tail), each counted from 1, the words that tell head and tail; zeros stand for NA.

    Slots are filled from the first on, in the ``order`` of the position of head and tail or in that of the data.
    """

    def __init__(self, cells: AnchorTable, slots: int, order: TripleOrder) -> None:
        self.cells = cells
        self.slots = slots
        self.order = order

    def write(self, example: Example, tagged: Iterable[Entity]) -> tuple[np.ndarray, list[tuple[Relation, str]]]:
        """The slots of a sentence, [slots, 3], and the relations that they do not hold; see ``AnchorTable.write``."""
        cells, lost = self.cells.write(example, tagged)
        if self.order == "position":
            cells = cells[np.lexsort((cells[:, 0], cells[:, 2], cells[:, 1]))]
        slots = np.zeros((self.slots, 3), dtype=np.int32)
        kept = cells[: self.slots] + np.array([0, 1, 1], dtype=np.int32)
        slots[: len(kept)] = kept
        surplus = set(map(tuple, cells[self.slots :].tolist()))
        known = {relation for relation, _ in lost}
        over = [r for r in example.relations if r not in known and self.cells.cell(r) in surplus]
        return slots, lost + [(relation, SURPLUS) for relation in over]

    def read(self, slots: Iterable[Slot], scores: Iterable[float], extents: Mapping[int, Entity]) -> list[Relation]:
        """The triples of the slots before the first with NA in it, each once. ``extents`` as in
        ``AnchorTable.read``.
        """
        found: dict[tuple[int, ...], Relation] = {}
        for slot, score in zip(slots, scores, strict=True):
            if 0 in slot:
                break
            relation, head, tail = (number - 1 for number in slot)
            found.setdefault(tuple(slot), self.cells.read(relation, head, tail, score, extents))
        return list(found.values())


class Candidates(NamedTuple):
    """What can be copied: NA and the words of each sentence.

    ``vectors`` [batch, 1 + length, size] is what is fed for each; ``projected`` [batch, length, hidden] what the copy
    score of each output layer makes of the words; ``mask`` [batch, length] tells the real ones.
    """

    vectors: Tensor
    projected: Sequence[Tensor]
    mask: Tensor


class OutputLayer(nn.Module):
    """Logits of relations and of words from the states of a decoder, each with NA as number 0.

    With ``selu`` the logits of relations and of NA are selu(W h) + b, as in CopyRE's code.
    """

    def __init__(self, size: int, relations: int, form: CopyForm, selu: bool) -> None:
        super().__init__()
        self.selu = selu
        self.relation = nn.Linear(size, 1 + relations)
        self.copy = WordScorer(size, form)
        self.no_word = nn.Linear(size, 1)

    def relation_logits(self, states: Tensor) -> Tensor:
        """[batch, k, size] -> [batch, k, 1 + relations]."""
        return self._logits(self.relation, states)

    def word_logits(self, states: Tensor, projected: Tensor, mask: Tensor) -> Tensor:
        """Eq. 3: states [batch, k, size] -> [batch, k, 1 + length], -inf at padding."""
        copied = self.copy(states, projected).masked_fill(~mask.unsqueeze(1), -torch.inf)
        return torch.cat((self._logits(self.no_word, states), copied), dim=-1)

    def _logits(self, layer: nn.Linear, states: Tensor) -> Tensor:
        return F.selu(F.linear(states, layer.weight)) + layer.bias if self.selu else layer(states)


class TripleDecoder(nn.Module):
    """The output layers of the decoders, and the vectors of what was written, which all decoders share.

    A copied word's vector is its encoding. ``allow_self=False`` keeps the tail from being the head's word.
    ``zero_own_head`` sets the tail's logit of the word that the decoder itself copied as head to 0, as CopyRE's code
    does. With ``restart`` the first step of every decoder is fed the start vector, and not only that of the first.
    """

    def __init__(
        self,
        size: int,
        relations: int,
        decoders: Decoders,
        form: CopyForm,
        allow_self: bool,
        zero_own_head: bool,
        selu_logits: bool,
        restart: bool,
    ) -> None:
        super().__init__()
        self.allow_self = allow_self
        self.zero_own_head = zero_own_head
        self.restart = restart
        self.outputs = decoders.make(lambda: OutputLayer(size, relations, form, selu_logits))
        self.relation_vectors = nn.Embedding(1 + relations, size)
        self.special_vectors = nn.Embedding(2, size)  # the start of a sentence's triples, and NA in place of a word

    def output_of(self, decoder: int) -> OutputLayer:
        """The output layer of a decoder."""
        return self.outputs[decoder % len(self.outputs)]  # type: ignore[return-value]

    def candidates(self, sentences: Sentences) -> Candidates:
        """What can be copied from these sentences."""
        words = sentences.words
        na = self.special_vectors.weight[1].expand(len(words), 1, -1)
        projected = [output.copy.from_word(words) for output in self.outputs]  # type: ignore[union-attr, operator]
        return Candidates(torch.cat((na, words), dim=1), projected, sentences.mask)

    def start(self, sentences: Sentences) -> Tensor:
        """The vector that is fed to the first step: [batch, size]."""
        return self.special_vectors.weight[0].expand(len(sentences.words), -1)

    def starts(self, step: int) -> bool:
        """Whether a step is fed the start vector."""
        return step == 0 or (self.restart and step % STEPS == 0)

    def vectors(self, triples: Tensor, candidates: Candidates) -> Tensor:
        """Numbers of relation, head and tail [batch, triples, 3] -> the vectors of each, [batch, 3 triples, size]."""
        relations = self.relation_vectors(triples[..., :1])
        words = self.word_vectors(triples[..., 1:].flatten(1), candidates).unflatten(1, (-1, 2))
        return torch.cat((relations, words), dim=2).flatten(1, 2)

    def word_vectors(self, words: Tensor, candidates: Candidates) -> Tensor:
        """Numbers of words [batch, k] -> [batch, k, size]."""
        size = candidates.vectors.shape[-1]
        return candidates.vectors.gather(1, words.unsqueeze(-1).expand(-1, -1, size))

    def word_logits(self, states: Tensor, candidates: Candidates, decoder: int) -> Tensor:
        """Eq. 3 with the output layer of a decoder: states [batch, k, size] -> [batch, k, 1 + length]."""
        projected = candidates.projected[decoder % len(self.outputs)]
        return self.output_of(decoder).word_logits(states, projected, candidates.mask)

    def tail_logits(self, logits: Tensor, heads: Tensor, given: Tensor | None) -> Tensor:
        """Word logits of tails [batch, k, 1 + length], without the word that was copied as head.

        ``heads`` [batch, k, 1 + length] are the word logits of the heads, ``given`` [batch, k] the numbers of the gold
        heads' words, 0 for none. At prediction there are none.
        """
        if self.allow_self and not self.zero_own_head:
            return logits
        numbers = heads.argmax(dim=-1) if self.zero_own_head or given is None else given
        copied = F.one_hot(numbers, logits.shape[-1]).bool()
        copied[..., 0] = False  # NA
        return logits.masked_fill(copied, 0.0 if self.zero_own_head else -torch.inf)

    def write(self, states: Tensor, triples: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor]:
        """The logits of given triples [batch, M, 3] from the states of all steps [batch, 3 M, size].

        -> relations [batch, M, 1 + relations], words [batch, M, 2, 1 + length].
        """
        relations, words = [], []
        groups = len(self.outputs)  # 1, with the steps of all decoders in it, or one for each decoder
        parts = states.unflatten(1, (-1, STEPS)).chunk(groups, dim=1)  # [batch, M / groups, 3, size]
        for decoder, (part, gold) in enumerate(zip(parts, triples.chunk(groups, dim=1), strict=True)):
            relation, head, tail = part.unbind(dim=2)
            heads = self.word_logits(head, candidates, decoder)
            tails = self.tail_logits(self.word_logits(tail, candidates, decoder), heads, gold[..., 1])
            relations.append(self.output_of(decoder).relation_logits(relation))
            words.append(torch.stack((heads, tails), dim=2))
        return torch.cat(relations, dim=1), torch.cat(words, dim=1)


class GreedyDecoder:
    """Feeds each step with the best of what the step before it wrote, and keeps the logits.

    ``gold`` triples [batch, M, 3], if there are any, say which word a tail may not copy; else it is the head's own.
    """

    def __init__(self, writer: TripleDecoder, sentences: Sentences, gold: Tensor | None) -> None:
        self.writer = writer
        self.start = writer.start(sentences)
        self.candidates = writer.candidates(sentences)
        self.gold = gold
        self.relations: list[Tensor] = []
        self.words: list[Tensor] = []

    def __call__(self, step: int, before: Tensor | None) -> Tensor:
        """The vector that is fed to a step, [batch, size]; ``before`` is the state of the step before it."""
        if before is None:
            return self.start
        written = self._write(*divmod(step - 1, STEPS), before.unsqueeze(1))
        return self.start if self.writer.starts(step) else written

    def logits(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """As ``TripleDecoder.write``; ``last`` is the state of the last step, [batch, size]."""
        self(STEPS * len(self.relations), last)
        return torch.cat(self.relations, dim=1), torch.cat(self.words, dim=1).unflatten(1, (-1, 2))

    def _write(self, decoder: int, part: int, state: Tensor) -> Tensor:
        """Write the relation (part 0), the head or the tail with a decoder's state [batch, 1, size] -> its vector."""
        writer = self.writer
        if part == 0:
            self.relations.append(writer.output_of(decoder).relation_logits(state))
            return writer.relation_vectors(self.relations[-1].argmax(dim=-1)).squeeze(1)
        logits = writer.word_logits(state, self.candidates, decoder)
        if part == 2:
            given = self.gold[:, decoder, 1:2] if self.gold is not None else None
            logits = writer.tail_logits(logits, self.words[-1], given)
        self.words.append(logits)
        return writer.word_vectors(logits.argmax(dim=-1), self.candidates).squeeze(1)
