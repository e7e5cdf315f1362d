"""Relations as labels of pairs of mentions: the pairs, their gold labels, their loss, and what is read of them."""

from collections.abc import Hashable
from copy import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from relx.data.example import Example
from relx.data.spans import Spans, find, pairs_within, search
from relx.data.vocabulary import Namespace
from relx.heads.head import Targets
from relx.heads.schemes.triples import SpanTriples, keep_triples
from relx.utils.argument_checks import require_inner_shares

SHARED_PAIR = "another relation holds between the same two mentions"

Order = Literal["ordered", "in_text"]
Labels = Literal["one", "several"]
Agreement = Literal["first", "product", "most_certain"]

CERTAIN = 50.0
# So many pairs are scored at a time. If there are more, training keeps nothing of them and computes them again.
PAIRS_AT_ONCE = 2**12


@dataclass(frozen=True)
class Pairs:
    """Hold pairs of mentions as vectors: the indices of the first and of the second mention, and their sentence."""

    first: Tensor
    second: Tensor
    row: Tensor

    def select(self, which: Tensor) -> "Pairs":
        """Return the pairs of these indices, or those that a mask keeps."""
        return Pairs(self.first[which], self.second[which], self.row[which])

    def __len__(self) -> int:
        return len(self.first)


class PairScheme:
    """Label pairs of mentions with relations.

    ``order``: with ``ordered`` the first mention of a pair is the head; each pair of mentions is scored in both orders.
    With ``in_text`` the first mention is the one that comes first in the text, and the labels have a direction: one
    label of each relation if the first mention is its head, one if the second is. ``agree`` lets a pair in the text's
    order be scored in the other order too: ``product`` multiplies the probabilities, ``most_certain`` takes the order
    whose best label is more probable, and ``first`` reads the text's order alone.

    ``labels``: with ``one`` a pair has one label or none, by a softmax; with ``several`` each label has a sigmoid of
    its own, and counts from ``threshold`` on.
    """

    def __init__(
        self,
        relations: Namespace,
        order: Order = "ordered",
        labels: Labels = "several",
        agree: Agreement = "first",
        threshold: float = 0.5,
    ) -> None:
        require_inner_shares(threshold=threshold)
        self.relations = relations
        self.one, self.agree = labels == "one", agree
        self.threshold = 0.0 if self.one else threshold
        self.directed = order == "in_text"
        self.both_orders = not self.directed or agree != "first"

    def with_relations(self, relations: Namespace) -> "PairScheme":
        """Return the same scheme of these relations."""
        other = copy(self)
        other.relations = relations
        return other

    @property
    def num_labels(self) -> int:
        """How many labels a pair can have: a relation, in the order of the text with a direction."""
        return len(self.relations) * (2 if self.directed else 1)

    @property
    def num_logits(self) -> int:
        """How many logits a pair has: one of each label, and of one label a pair also one of no relation."""
        return self.num_labels + self.one

    def hold(self, example: Example, written: Targets) -> Targets:
        """Keep of ``SpanTripleTargets.write`` the triples that labels of pairs hold, and list the others as lost."""
        if not self.one:
            return written
        label_of: dict[Hashable, tuple[int, int]] = {}
        kept = []
        for relation, head, tail in written.arrays["triples"].tolist():
            pair = frozenset((head, tail)) if self.directed else (head, tail)
            kept.append(label_of.setdefault(pair, (relation, head)) == (relation, head))
        return keep_triples(example, written, kept, self.relations, SHARED_PAIR)

    def candidates(self, mentions: Spans) -> Pairs:
        """Return the pairs of different mentions of a sentence. ``mentions`` are in the order of the text."""
        first, second = pairs_within(mentions.batch_index)
        wanted = first != second if self.both_orders else first < second
        return Pairs(first[wanted], second[wanted], mentions.batch_index[first[wanted]])

    def gold(self, triples: SpanTriples, mentions: Spans, pairs: Pairs, length: int) -> Tensor:
        """Return which labels the pairs of some ``mentions`` have, in rows of ``length`` tokens: [pairs, labels]."""
        labels = torch.zeros(len(pairs), self.num_labels, dtype=torch.bool, device=pairs.first.device)
        head, head_known = find(triples.entities.select(triples.head), mentions, length)
        tail, tail_known = find(triples.entities.select(triples.tail), mentions, length)
        known = head_known & tail_known
        head, tail, relation = head[known], tail[known], triples.relation[known]
        self._mark(labels, pairs, len(mentions), head, tail, relation)
        if self.directed:
            self._mark(labels, pairs, len(mentions), tail, head, relation + len(self.relations))
        return labels

    def losses(self, logits: Tensor, gold: Tensor) -> Tensor:
        """Compute the cross entropy of each pair, of several labels their mean, of logits [pairs, num_logits]."""
        if self.one:
            return F.cross_entropy(logits, _classes(gold), reduction="none")
        losses = F.binary_cross_entropy_with_logits(logits, gold.to(logits.dtype), reduction="none")
        return losses.sum(dim=1) / max(1, self.num_labels)

    def certain(self, gold: Tensor) -> Tensor:
        """Make logits with nearly all probability on the gold labels: -> [pairs, num_logits]."""
        if self.one:
            return F.one_hot(_classes(gold), self.num_logits).float() * CERTAIN
        return (gold.float() * 2 - 1) * CERTAIN

    def read(self, logits: Tensor, mentions: Spans, pairs: Pairs, threshold: float) -> SpanTriples:
        """Read the relations between ``mentions`` from the logits of all their ``candidates``.

        With several labels a relation counts from ``threshold`` on.
        """
        probs = logits.softmax(dim=-1) if self.one else logits.sigmoid()
        if self.directed and self.both_orders:
            probs, pairs = self._agreed(probs, pairs, len(mentions))
        if self.one:
            best = F.one_hot(probs.argmax(dim=-1), self.num_logits)[:, 1:].bool()
            probs, kept = probs[:, 1:], best
        else:
            kept = probs >= threshold
        pair, label = kept.nonzero(as_tuple=True)
        score = probs[pair, label]
        turned = label >= len(self.relations)
        first, second = pairs.first[pair], pairs.second[pair]
        head, tail = torch.where(turned, second, first), torch.where(turned, first, second)
        return SpanTriples(mentions, label % max(1, len(self.relations)), head, tail, score)

    def _mark(self, labels: Tensor, pairs: Pairs, mentions: int, first: Tensor, second: Tensor, label: Tensor) -> None:
        """Set the label of these pairs, as far as they are among ``pairs``."""
        index, known = search(pairs.first * mentions + pairs.second, first * mentions + second)
        labels[index[known], label[known]] = True

    def _agreed(self, probs: Tensor, pairs: Pairs, mentions: int) -> tuple[Tensor, Pairs]:
        """Join the two orders of each pair: the probabilities of the pairs in the order of the text."""
        in_text = pairs.first < pairs.second
        back = (pairs.second * mentions + pairs.first)[~in_text].argsort()  # the same pairs in the same order
        none, ahead, behind = probs.split((int(self.one), len(self.relations), len(self.relations)), dim=1)
        there, turned = probs[in_text], torch.cat((none, behind, ahead), dim=1)[~in_text][back]
        if self.agree == "product":
            return there * turned, pairs.select(in_text)
        surer = turned.amax(dim=1, keepdim=True) > there.amax(dim=1, keepdim=True)
        return torch.where(surer, turned, there), pairs.select(in_text)


def _classes(gold: Tensor) -> Tensor:
    """Return the class of each pair, 0 for none, of labels [pairs, labels] with at most one in a pair."""
    if not gold.shape[1]:
        return torch.zeros(len(gold), dtype=torch.long, device=gold.device)
    return torch.where(gold.any(dim=1), gold.int().argmax(dim=1) + 1, 0)
