"""Relations as one tag for each token: relation type x role x position (Zheng et al. 2017; HMT, Wei et al. 2019)."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.heads.head import NOT_LOCATED, UNKNOWN, Head, HeadOutput, Targets, prediction
from relx.heads.schemes.tags import (
    OUTSIDE,
    EntityTags,
    Positions,
    TaggedSpan,
    TagScheme,
    best_tags,
    gold_logits,
)

Role = tuple[str, Literal["E1", "E2"]]
Conflict = Literal["first", "overwrite", "drop_sentence"]
Decoding = Literal["nearest", "all_pairs"]

TAKEN = "a token already has another tag"
DROPPED = "sentence dropped for a conflict of tags"
OVERWRITTEN = "a later triple overwrites its tags"
PAIRED = "its tags are kept, but decoding pairs its mentions with nearer ones"


class TaggedRelations(NamedTuple):
    """Hold the tags of a sentence, whether to learn from it, and the relations that the tags lose and why."""

    tags: np.ndarray
    kept: bool
    lost: list[tuple[Relation, str]]


class JointTags:
    """Write relations as tags of their mentions, and read them back.

    A token has one tag, so triples compete. ``conflict`` is what happens to a triple that needs a token with another
    tag, in the order of the data: it is left out (``first``), its tags replace the older ones (``overwrite``), or the
    sentence is not learned from (``drop_sentence``). ``decoding`` is which mentions of a relation type become a pair:
    each head with its nearest tail and each tail with its nearest head (``nearest``), or all (``all_pairs``).
    """

    def __init__(self, relations: Iterable[str], positions: Positions, conflict: Conflict, decoding: Decoding) -> None:
        roles: list[Role] = [(relation, role) for relation in relations for role in ("E1", "E2")]
        self.scheme = TagScheme(roles, positions)
        self.conflict = conflict
        self.decoding = decoding

    @property
    def size(self) -> int:
        """The number of tags, O included."""
        return self.scheme.size

    def write(self, example: Example) -> TaggedRelations:
        """Tag the gold relations of a sentence."""
        tags = [OUTSIDE] * len(example)
        lost: list[tuple[Relation, str]] = []
        for relation in example.relations:
            cause = self._tag(relation, tags)
            if cause is not None:
                lost.append((relation, cause))
        if self.conflict == "drop_sentence" and any(cause == TAKEN for _, cause in lost):
            dropped = [(relation, DROPPED) for relation in example.relations]
            return TaggedRelations(np.full(len(example), OUTSIDE, dtype=np.int32), False, dropped)
        untagged = {relation for relation, _ in lost}
        tagged = [relation for relation in example.relations if relation not in untagged]
        return TaggedRelations(np.array(tags, dtype=np.int32), True, lost + self._misread(tagged, tags))

    def read(self, tags: Sequence[int], scores: Sequence[float]) -> list[Relation]:
        """Read the relations that the tags spell. A relation's score is the product of the scores of its mentions."""
        return self._related(self._mentions(tags, scores))

    def _tag(self, relation: Relation, tags: list[int]) -> str | None:
        """Tag the mentions of a relation. Return the cause if that is not possible."""
        if not relation.located:
            return NOT_LOCATED
        wanted = tags.copy()
        for mention, role in ((relation.head, "E1"), (relation.tail, "E2")):
            label = (relation.type, role)
            if label not in self.scheme.index_of:
                return UNKNOWN
            start, end = mention.span
            written = self.scheme.span(end - start, label)
            if self.conflict != "overwrite" and not self._is_free(wanted, start, end, written):
                return TAKEN
            wanted[start:end] = written
        tags[:] = wanted
        return None

    def _is_free(self, tags: list[int], start: int, end: int, written: list[int]) -> bool:
        """Return whether the tokens have no tag, or are this very mention, neither a longer one nor a shorter one."""
        if not any(tags[start:end]):
            return True
        goes_on = end < len(tags) and self.scheme.continues(tags[end], written[-1])
        return tags[start:end] == written and not goes_on

    def _misread(self, tagged: Sequence[Relation], tags: Sequence[int]) -> list[tuple[Relation, str]]:
        """List the tagged relations that ``read`` does not return, each with its cause."""
        if not tagged:
            return []
        mentions = self._mentions(tags, [1.0] * len(tags))
        read = {(r.head.span, r.type, r.tail.span) for r in self._related(mentions)}
        spans = {(span.label, span.start, span.end) for found in mentions.values() for span in found}
        return [
            (r, PAIRED if {((r.type, "E1"), *r.head.span), ((r.type, "E2"), *r.tail.span)} <= spans else OVERWRITTEN)
            for r in tagged
            if (r.head.span, r.type, r.tail.span) not in read
        ]

    def _mentions(self, tags: Sequence[int], scores: Sequence[float]) -> dict[Role, list[TaggedSpan[Role]]]:
        mentions: dict[Role, list[TaggedSpan[Role]]] = {}
        for span in self.scheme.read(tags, scores):
            mentions.setdefault(span.label, []).append(span)
        return mentions

    def _related(self, mentions: Mapping[Role, list[TaggedSpan[Role]]]) -> list[Relation]:
        return [
            Relation(_entity(head), relation, _entity(tail), head.score * tail.score)
            for (relation, role), heads in mentions.items()
            if role == "E1"
            for head, tail in self._pairs(heads, mentions.get((relation, "E2"), []))
        ]

    def _pairs(
        self, heads: list[TaggedSpan[Role]], tails: list[TaggedSpan[Role]]
    ) -> Iterable[tuple[TaggedSpan[Role], TaggedSpan[Role]]]:
        if self.decoding == "all_pairs" or not tails:
            return [(head, tail) for head in heads for tail in tails]
        from_heads = [(head, _nearest(head, tails)) for head in heads]
        from_tails = [(_nearest(tail, heads), tail) for tail in tails]
        return dict.fromkeys(from_heads + from_tails)


def _nearest(mention: TaggedSpan[Role], others: list[TaggedSpan[Role]]) -> TaggedSpan[Role]:
    """Find the one of the others, which are in the order of the text, that begins nearest; of two, the first."""
    place = bisect_left(others, mention.start, key=lambda other: other.start)
    return min(others[max(0, place - 1) : place + 1], key=lambda other: abs(other.start - mention.start))


def _entity(span: TaggedSpan[Role]) -> Entity:
    return Entity(span.start, span.end, score=span.score)


class JointTaggingHead(Head):
    """Share the targets and the decoding of heads that tag relations jointly.

    ``forward`` of a subclass computes the logits ``joint`` [batch, length, joint tags] and, if there are entity tags,
    ``entity`` [batch, length, entity tags].
    """

    def __init__(self, joint_tags: JointTags, entity_tags: EntityTags | None = None) -> None:
        super().__init__()
        self.joint_tags = joint_tags
        self.entity_tags = entity_tags

    def targets(self, example: Example) -> Targets:
        """Write ``joint_tags`` [length], ``joint_kept`` [] and, if there are entity tags, ``entity_tags`` [length].

        ``joint_kept`` says whether the joint tags of the sentence are learned.
        """
        joint = self.joint_tags.write(example)
        arrays = {"joint_tags": joint.tags, "joint_kept": np.array(joint.kept)}
        if self.entity_tags is not None:
            arrays["entity_tags"] = self.entity_tags.write(example)
        return Targets(arrays, joint.lost)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read entities from the entity tags and the mentions of relations, and relations from the joint tags."""
        relations = map(self.joint_tags.read, *best_tags(output["joint"], batch.mask))
        if self.entity_tags is None:
            return [prediction(example, [], found) for example, found in zip(batch.examples, relations, strict=True)]
        entities = map(self.entity_tags.read, *best_tags(output["entity"], batch.mask))
        return list(map(prediction, batch.examples, entities, relations))

    def oracle(self, batch: Batch) -> list[Example]:
        """Decode the gold tags."""
        output = {"joint": gold_logits(batch["joint_tags"], self.joint_tags.size)}
        if self.entity_tags is not None:
            output["entity"] = gold_logits(batch["entity_tags"], self.entity_tags.scheme.size)
        return self.decode(output, batch)
