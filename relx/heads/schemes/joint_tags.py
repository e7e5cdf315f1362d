"""Relations as one tag for each token: relation type x role x position (Zheng et al. 2017; HMT, Wei et al. 2019)."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.heads.head import NOT_LOCATED, UNKNOWN, Head, HeadOutput, Targets, prediction
from relx.heads.schemes.entities import EntityTags
from relx.heads.schemes.tags import OUTSIDE, Positions, TaggedSpan, TagScheme, best_tags, gold_logits, tagging_loss

Role = tuple[str, Literal["E1", "E2"]]
Conflict = Literal["first", "overwrite", "drop_sentence"]
Decoding = Literal["nearest", "all_pairs"]

TAKEN = "a token already has another tag"
DROPPED = "sentence dropped for a conflict of tags"
OVERWRITTEN = "a later triple overwrites its tags"
PAIRED = "its tags are held, but decoding pairs the mentions with nearer ones"


class TaggedRelations(NamedTuple):
    """The tags of a sentence, whether it is to be learnt from, and the relations that the tags do not hold."""

    tags: np.ndarray
    kept: bool
    lost: list[tuple[Relation, str]]


class JointTags:
    """The tag scheme of joint extraction.

    A token has one tag, so triples compete. ``conflict`` says what happens to a triple that needs a token with another
    tag, triples taken in the order of the data: ``first``, it is left out; ``overwrite``, its tags replace the older
    ones; ``drop_sentence``, the sentence is not learnt from. ``decoding`` says which mentions of a relation type are
    paired: each head with its nearest tail and each tail with its nearest head, or all.
    """

    def __init__(self, relations: Iterable[str], positions: Positions, conflict: Conflict, decoding: Decoding) -> None:
        roles: list[Role] = [(relation, role) for relation in relations for role in ("E1", "E2")]
        self.scheme = TagScheme(roles, positions)
        self.conflict = conflict
        self.decoding = decoding

    @property
    def size(self) -> int:
        """How many tags there are, O included."""
        return self.scheme.size

    def write(self, example: Example) -> TaggedRelations:
        """The tags of a sentence's gold relations."""
        tags = np.full(len(example), OUTSIDE, dtype=np.int32)
        lost: list[tuple[Relation, str]] = []
        for relation in example.relations:
            cause = self._write(relation, tags)
            if cause is not None:
                lost.append((relation, cause))
        if self.conflict == "drop_sentence" and any(cause == TAKEN for _, cause in lost):
            return TaggedRelations(np.zeros_like(tags), False, [(relation, DROPPED) for relation in example.relations])
        return TaggedRelations(tags, True, lost + self._not_read(example.relations, lost, tags))

    def read(self, tags: Sequence[int], scores: Sequence[float]) -> list[Relation]:
        """The relations that the tags spell; a relation's score is the product of its two mentions'."""
        return self._related(self._mentions(tags, scores))

    def _mentions(self, tags: Sequence[int], scores: Sequence[float]) -> dict[Role, list[TaggedSpan[Role]]]:
        mentions: dict[Role, list[TaggedSpan[Role]]] = {}
        for span in self.scheme.read(tags, scores):
            mentions.setdefault(span.label, []).append(span)
        return mentions

    def _related(self, mentions: Mapping[Role, list[TaggedSpan[Role]]]) -> list[Relation]:
        found = []
        for (relation, role), heads in mentions.items():
            if role == "E1":
                tails = mentions.get((relation, "E2"), [])
                found += [_relation(head, relation, tail) for head, tail in self._pairs(heads, tails)]
        return found

    def _not_read(
        self, relations: Sequence[Relation], lost: Sequence[tuple[Relation, str]], tags: np.ndarray
    ) -> list[tuple[Relation, str]]:
        """The relations that were written and that ``read`` does not return, with the cause."""
        mentions = self._mentions(tags.tolist(), [1.0] * len(tags))
        read = {(r.head.span, r.type, r.tail.span) for r in self._related(mentions)}
        known = {relation for relation, _ in lost}
        missing = [r for r in relations if r not in known and (r.head.span, r.type, r.tail.span) not in read]
        tagged = {(span.label, span.start, span.end) for spans in mentions.values() for span in spans}
        return [
            (r, PAIRED if {((r.type, "E1"), *r.head.span), ((r.type, "E2"), *r.tail.span)} <= tagged else OVERWRITTEN)
            for r in missing
        ]

    def _write(self, relation: Relation, tags: np.ndarray) -> str | None:
        """Tag a relation's mentions; the cause if that is not possible."""
        if not relation.located:
            return NOT_LOCATED
        wanted = tags.copy()
        for mention, role in ((relation.head, "E1"), (relation.tail, "E2")):
            label = (relation.type, role)
            if label not in self.scheme.numbers:
                return UNKNOWN
            start, end = mention.span
            written = self.scheme.span(end - start, label)
            if self.conflict != "overwrite" and not self._is_free(wanted, start, end, written):
                return TAKEN
            wanted[start:end] = written
        tags[:] = wanted
        return None

    def _is_free(self, tags: np.ndarray, start: int, end: int, written: np.ndarray) -> bool:
        """Whether the tokens bear no tag, or are this very mention, neither a longer one nor a shorter one."""
        if not tags[start:end].any():
            return True
        goes_on = end < len(tags) and self.scheme.continues(tags[end], written[-1])
        return bool((tags[start:end] == written).all()) and not goes_on

    def _pairs(
        self, heads: list[TaggedSpan[Role]], tails: list[TaggedSpan[Role]]
    ) -> Iterable[tuple[TaggedSpan[Role], TaggedSpan[Role]]]:
        if self.decoding == "all_pairs" or not tails:
            return [(head, tail) for head in heads for tail in tails]
        from_heads = [(head, _nearest(head, tails)) for head in heads]
        from_tails = [(_nearest(tail, heads), tail) for tail in tails]
        return dict.fromkeys(from_heads + from_tails)


def _nearest(mention: TaggedSpan[Role], others: list[TaggedSpan[Role]]) -> TaggedSpan[Role]:
    """The one of the others, which stand in the order of the text, that begins nearest; of two, the first."""
    place = bisect_left(others, mention.start, key=lambda other: other.start)
    return min(others[max(0, place - 1) : place + 1], key=lambda other: abs(other.start - mention.start))


def _relation(head: TaggedSpan[Role], relation: str, tail: TaggedSpan[Role]) -> Relation:
    return Relation(_entity(head), relation, _entity(tail), head.score * tail.score)


def _entity(span: TaggedSpan[Role]) -> Entity:
    return Entity(span.start, span.end, score=span.score)


class JointTaggingHead(Head):
    """HeadOutput ``joint`` [batch, length, joint tags] and, where there are entity tags, ``entity``; both are
    logits.
    """

    joint_tags: JointTags
    entity_tags: EntityTags | None = None

    def targets(self, example: Example) -> Targets:
        """``joint_tags`` [length], ``joint_kept`` [] and, where there are entity tags, ``entity_tags`` [length]."""
        joint = self.joint_tags.write(example)
        arrays = {"joint_tags": joint.tags, "joint_kept": np.array(joint.kept)}
        if self.entity_tags is not None:
            arrays["entity_tags"] = self.entity_tags.write(example)
        return Targets(arrays, joint.lost)

    def joint_loss(self, scores: HeadOutput, batch: Batch, outside_weight: float = 1.0) -> Tensor:
        """Cross entropy of the joint tags, summed over tokens, averaged over sentences."""
        kept = batch.mask & batch["joint_kept"].unsqueeze(1)
        return tagging_loss(scores["joint"], batch["joint_tags"], kept, outside_weight)

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """Entities from the entity tags and from the relations' mentions, relations from the joint tags."""
        relations = map(self.joint_tags.read, *best_tags(scores["joint"], batch.mask))
        return list(map(prediction, batch.examples, self._entities(scores, batch), relations))

    def oracle(self, batch: Batch) -> list[Example]:
        """Decode logits that leave no doubt of the target tags."""
        scores = {"joint": gold_logits(batch["joint_tags"], self.joint_tags.size)}
        if self.entity_tags is not None:
            scores["entity"] = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        return self.decode(scores, batch)

    def _entities(self, scores: HeadOutput, batch: Batch) -> list[list[Entity]]:
        if self.entity_tags is None:
            return [[] for _ in batch.examples]
        return list(map(self.entity_tags.read, *best_tags(scores["entity"], batch.mask)))
