"""The kind of component that owns the scheme of one paper: gold to targets, vectors to scores, scores to Examples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Entity, Example, Relation
from relx.heads.schemes.limits import Limit
from relx.registry import Registrable

HeadOutput = dict[str, Tensor]


class Encode(Protocol):
    """How a head has sentences encoded."""

    def __call__(self, batch: Batch) -> Tensor:
        """[batch, length, size of the encoder]."""

    def batch_of(self, examples: Sequence[Example]) -> Batch:
        """Sentences that the head made, such as those with markers among their tokens, ready to be encoded."""


@dataclass(frozen=True)
class Targets:
    """What a head is to learn of one sentence, and the gold relations that do not come back from it, with the cause.

    ``lost`` lists those that the arrays cannot hold and those that they hold but ``decode`` reads otherwise. A gold
    relation that is missing in ``decode(oracle(targets))`` and is not listed is a fault of the head.
    """

    arrays: Arrays
    lost: list[tuple[Relation, str]] = field(default_factory=list)


class Head(nn.Module, Registrable, kind="head", injects=("input_dim", "task_features", "vocabulary")):
    """One paper's scheme of joint extraction.

    A head is handed a function that encodes a batch rather than the encoded batch, because some heads encode more than
    once. The names of its target arrays are its own. ``markers`` are the tokens that it sets among the words: each gets
    a vector of its own. A head that finds only entities sets ``finds_relations`` to False.
    """

    markers: Sequence[str] = ()
    finds_relations: bool = True

    def index(self, example: Example) -> Arrays:
        """What the head has to know of a sentence besides its vectors, labelled or not."""
        return {}

    def targets(self, example: Example) -> Targets:
        """Gold labels -> target arrays."""
        raise NotImplementedError

    def limits(self, held: Example) -> list[Limit]:
        """Find relations that no weights return together without an error. ``held`` is what the targets decode to.

        Override this where the form of the scores ties relations to each other, whatever the encoder gives.
        """
        return []

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """A batch -> the head's scores by name, each [batch, ...]."""
        raise NotImplementedError

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """The loss of a batch that holds targets, averaged over its sentences: a scalar."""
        raise NotImplementedError

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """What the scores say of each sentence: the same sentences with predicted entities and relations."""
        raise NotImplementedError

    def oracle(self, batch: Batch) -> HeadOutput:
        """The scores of a model that has learnt the targets of the batch perfectly."""
        raise NotImplementedError


def prediction(example: Example, entities: Iterable[Entity], relations: Iterable[Relation]) -> Example:
    """The sentence with these predictions in place of its labels.

    A relation's mention that has the span of a predicted entity becomes that entity; the other mentions join the
    entities.
    """
    by_span = {entity.span: entity for entity in entities}
    predicted = example.unlabelled()
    for relation in relations:
        head = by_span.setdefault(relation.head.span, relation.head)
        tail = by_span.setdefault(relation.tail.span, relation.tail)
        predicted.relations.append(relation._replace(head=head, tail=tail))
    predicted.entities = sorted(by_span.values(), key=lambda entity: entity.span)
    return predicted
