"""What a decoder's state writes: a relation, or a word that is copied from the sentence (CopyRE, Zeng et al. 2018)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.heads.interactive_layers import STEPS, Sentences
from relx.heads.word_scores import CopyForm, WordScorer


class Candidates(NamedTuple):
    """What can be copied: NA and the words of each sentence.

    ``vectors`` [batch, 1 + length, size] is what is fed for each; ``projected`` [batch, length, hidden] what the copy
    score makes of the words; ``mask`` [batch, length] tells the real ones.
    """

    vectors: Tensor
    projected: Tensor
    mask: Tensor


class TripleWriter(nn.Module):
    """Scores of relations and of words, each with NA as number 0, and the vectors of what was written.

    A copied word's vector is its encoding. ``allow_self=False`` keeps the tail from being the head's word.
    """

    def __init__(self, size: int, relations: int, form: CopyForm, allow_self: bool) -> None:
        super().__init__()
        self.allow_self = allow_self
        self.relation = nn.Linear(size, 1 + relations)
        self.copy = WordScorer(size, form)
        self.no_word = nn.Linear(size, 1)
        self.relation_vectors = nn.Embedding(1 + relations, size)
        self.special_vectors = nn.Embedding(2, size)  # the start of a sentence's triples, and NA in place of a word

    def candidates(self, sentences: Sentences) -> Candidates:
        """What can be copied from these sentences."""
        words = sentences.words
        na = self.special_vectors.weight[1].expand(len(words), 1, -1)
        return Candidates(torch.cat((na, words), dim=1), self.copy.from_word(words), sentences.mask)

    def start(self, sentences: Sentences) -> Tensor:
        """The vector that is fed to the first step: [batch, size]."""
        return self.special_vectors.weight[0].expand(len(sentences.words), -1)

    def vectors(self, triples: Tensor, candidates: Candidates) -> Tensor:
        """Numbers of relation, head and tail [batch, triples, 3] -> the vectors of each, [batch, 3 triples, size]."""
        relations = self.relation_vectors(triples[..., :1])
        words = self.word_vectors(triples[..., 1:].flatten(1), candidates).unflatten(1, (-1, 2))
        return torch.cat((relations, words), dim=2).flatten(1, 2)

    def word_vectors(self, words: Tensor, candidates: Candidates) -> Tensor:
        """Numbers of words [batch, k] -> [batch, k, size]."""
        size = candidates.vectors.shape[-1]
        return candidates.vectors.gather(1, words.unsqueeze(-1).expand(-1, -1, size))

    def word_logits(self, states: Tensor, candidates: Candidates, taken: Tensor | None) -> Tensor:
        """Eq. 3: states [batch, k, size] -> [batch, k, 1 + length], -inf at padding.

        ``taken`` [batch, k] are the numbers of the heads whose word no tail may copy; 0 for none.
        """
        copied = self.copy(states, candidates.projected).masked_fill(~candidates.mask.unsqueeze(1), -torch.inf)
        logits = torch.cat((self.no_word(states), copied), dim=-1)
        if taken is None or self.allow_self:
            return logits
        blocked = F.one_hot(taken, logits.shape[-1]).bool()
        blocked[..., 0] = False
        return logits.masked_fill(blocked, -torch.inf)

    def write(self, states: Tensor, triples: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor]:
        """The logits of given triples [batch, M, 3] from the states of all steps [batch, 3 M, size].

        -> relations [batch, M, 1 + relations], words [batch, M, 2, 1 + length].
        """
        relation, *words = states.unflatten(1, (-1, STEPS)).unbind(dim=2)
        heads = self.word_logits(words[0], candidates, None)
        tails = self.word_logits(words[1], candidates, triples[..., 1])
        return self.relation(relation), torch.stack((heads, tails), dim=2)


class GreedyFeed:
    """Feeds each step with the best of what the step before it wrote, and keeps the logits.

    ``gold`` triples [batch, M, 3], if there are any, say which word a tail may not copy; else it is the head's own.
    """

    def __init__(self, writer: TripleWriter, sentences: Sentences, gold: Tensor | None) -> None:
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
        if (step - 1) % STEPS == 0:
            self.relations.append(self.writer.relation(before))
            return self.writer.relation_vectors(self.relations[-1].argmax(dim=-1))
        taken = self._taken() if (step - 1) % STEPS == 2 else None
        self.words.append(self.writer.word_logits(before.unsqueeze(1), self.candidates, taken))
        return self.writer.word_vectors(self.words[-1].argmax(dim=-1), self.candidates).squeeze(1)

    def logits(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """As ``TripleWriter.write``; ``last`` is the state of the last step, [batch, size]."""
        self(STEPS * len(self.relations), last)
        return torch.stack(self.relations, dim=1), torch.cat(self.words, dim=1).unflatten(1, (-1, 2))

    def _taken(self) -> Tensor:
        """The heads' words, [batch, 1]."""
        if self.gold is not None:
            return self.gold[:, len(self.words) // 2, 1:2]
        return self.words[-1].argmax(dim=-1)
