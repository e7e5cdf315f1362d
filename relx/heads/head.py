"""The contract of all heads. A head is one paper's scheme of joint extraction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Entity, Example, Relation
from relx.embedders.embedder import Levitated
from relx.limits import Limit
from relx.registry import Registrable

HeadOutput = dict[str, Tensor]
Given = Sequence[Sequence[Entity]]  # the given entities of each sentence
H = TypeVar("H", bound="Head")

# Causes of lost relations that several schemes share.
NOT_LOCATED = "mention not found among the tokens"
UNKNOWN = "relation type never seen in training"
SHARED = "another entity has the same anchor token"
UNTAGGED = "mention has no entity tags of its own"
NOT_EXTRACTED = "only entities are extracted"


# A token may have so many numbers of a table of token pairs before it counts as more than one.
CELLS_OF_TOKEN = 1024


def table_cost(lengths: np.ndarray, size: int) -> np.ndarray:
    """Return as how many tokens sentences count whose table has ``size`` numbers for each pair of tokens.

    A batch of so many tokens then has a bounded table: at most ``CELLS_OF_TOKEN`` numbers a token.
    """
    return np.maximum(lengths, -(-(lengths * lengths * size) // CELLS_OF_TOKEN))


class Encode(Protocol):
    """Embed and encode sentences with the other parts of the model."""

    def __call__(self, batch: Batch) -> Tensor:
        """Encode a batch: -> [batch, length, size of the encoder]."""

    def batch_of(self, examples: Sequence[Example]) -> Batch:
        """Make a batch of sentences that the head wrote, for example with markers among their tokens."""

    def levitated(self, batch: Batch, markers: Levitated) -> Tensor:
        """Encode markers beside the sentences of a batch: -> [groups, markers of a group, size of the encoder].

        Only heads that say that their markers are ``levitated`` may ask for it.
        """

    def attention(self, batch: Batch) -> Tensor:
        """Return the attention of each word to each other one, in each layer: -> [batch, length, length, maps].

        Only heads that get more than 0 ``attention_maps`` may ask for it.
        """


class PlainSentences:
    """A batch of plain sentences, and what encodes sentences. ``encoded`` are these, once they are asked for."""

    def __init__(self, batch: Batch, encode: Encode) -> None:
        self.batch = batch
        self.encode = encode

    @cached_property
    def encoded(self) -> Tensor:
        """[batch, length, size of the encoder]."""
        return self.encode(self.batch)

    @property
    def shape(self) -> torch.Size:
        """(batch, length)."""
        return self.batch.mask.shape


@dataclass(frozen=True)
class Targets:
    """Hold what a head learns of one sentence, and the gold labels that this loses, each with its cause.

    ``lost`` lists the relations that the arrays cannot hold, and those that the arrays hold but that decoding reads as
    something else. If a gold relation is missing in ``Head.oracle`` and is not listed here, the head has a fault. A
    head that finds no relations lists the gold entities that it loses in ``lost_entities``.
    """

    arrays: Arrays
    lost: list[tuple[Relation, str]] = field(default_factory=list)
    lost_entities: list[tuple[Entity, str]] = field(default_factory=list)


class Thresholds(NamedTuple):
    """Hold the probabilities from which entities and relations count."""

    entities: float = 0.0
    relations: float = 0.0


class Head(nn.Module, Registrable, kind="head", injects=("input_dim", "task_features", "vocabulary", "attention_maps")):
    """Extract entities and relations as one paper does: gold to targets, vectors to logits, logits to predictions.

    A head has to write ``targets``, ``forward``, ``loss``, ``decode`` and ``oracle``. A head that decodes in several
    steps, each of which needs the predictions of the step before, writes ``extract`` in place of ``decode``. Its
    ``forward`` serves only the loss and may read the gold of the batch.

    ``markers`` are tokens that the head writes among the words of a sentence: each gets a vector of its own.
    ``levitated`` says that they are not among the words, but beside a sentence (``Encode.levitated``). ``words`` are
    those of texts of its own, such as descriptions of labels, that the head has encoded. ``described`` names the kinds
    of labels, ``relations`` or ``entity_types``, that have no weights of their own, because the head reads what they
    mean in words; a head of described relations writes ``with_relations``.
    ``finds_relations`` is False for a head that finds only entities. ``finds_entities`` is False for a head that
    predicts only relations between given entities: it writes ``relations_between`` in place of ``decode``, and the
    entities of labeled sentences are given to it. ``thresholds`` are the probabilities from which decoding counts what
    it finds; 0 where it takes the best label. A head that compares probabilities with a threshold sets them in its
    constructor, and reads them when it decodes: ``at`` gives them other values. ``rereads_entities`` is True for a head
    whose relations depend on all the entities that it has found before.
    """

    markers: Sequence[str] = ()
    levitated: bool = False
    words: Sequence[str] = ()
    described: Collection[str] = ()
    finds_relations: bool = True
    finds_entities: bool = True
    thresholds: Thresholds = Thresholds()
    rereads_entities: bool = False

    def index(self, example: Example) -> Arrays:
        """Write what the head needs to know of a sentence besides its vectors. The sentence may have no labels."""
        return {}

    def targets(self, example: Example) -> Targets:
        """Write the gold labels of a sentence as arrays. The head chooses their names."""
        raise NotImplementedError

    def cost(self, lengths: np.ndarray) -> np.ndarray:
        """Return as how many tokens sentences count under ``max_tokens`` of a batch, by default their ``lengths``.

        Override this with ``table_cost`` if the head keeps a table of all pairs of tokens.
        """
        return lengths

    def limits(self, held: Example) -> list[Limit]:
        """Find relations that no weights return together without an error. ``held`` is what the targets decode to.

        Override this if the form of the logits ties relations to each other, whatever the encoder returns.
        """
        return []

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute logits, or the features that they are made from: tensors by name, each [batch, ...].

        ``encode`` is a function because some heads encode more than once.
        """
        raise NotImplementedError

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Compute the loss of a batch that holds targets, averaged over its sentences: a scalar."""
        raise NotImplementedError

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the predictions from the output of ``forward``, one new Example for each sentence."""
        raise NotImplementedError

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Predict the entities and relations of each sentence, without the gold."""
        return self.decode(self(batch, encode), batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Predict the relations between given entities, and of no other mentions: those of each sentence.

        The entities of a sentence are located, in the order of the text, no two with equal tokens, and none has a
        ``fault_of_given``. Heads and tails of the relations are these very entities. A score is that of ``extract``.
        Override this if the head scores pairs of mentions, or the objects of a subject.
        """
        raise NotImplementedError

    def fault_of_given(self, entity: Entity) -> str | None:
        """Return why ``relations_between`` cannot be given this entity, such as an unknown type; None if it can."""
        return None

    @property
    def relates_given(self) -> bool:
        """Whether the head predicts relations between given entities."""
        return self.finds_relations and type(self).relations_between is not Head.relations_between

    def with_relations(self: H, descriptions: Mapping[str, str]) -> H:
        """Return this head, with the same weights, such that it also predicts relations that training did not show.

        ``descriptions`` say in words what each of them means. Raises ConfigError with all descriptions that do not fit.
        """
        raise NotImplementedError

    def at(self: H, thresholds: Thresholds) -> H:
        """Return this head, with the same weights, such that it also decodes what is less probable.

        It returns what the head itself returns, and in addition what reaches ``thresholds``. Further entities change
        the relations of a head that ``rereads_entities``.
        """
        lowered = copy(self)
        lowered.thresholds = Thresholds(*map(min, self.thresholds, thresholds))
        return lowered

    def oracle(self, batch: Batch) -> list[Example]:
        """Return what a model predicts that has learned the targets of the batch perfectly."""
        raise NotImplementedError


def prediction(example: Example, entities: Iterable[Entity], relations: Iterable[Relation]) -> Example:
    """Copy a sentence with these predictions in place of its labels.

    A mention of a relation that has the span of a predicted entity becomes that entity. The other mentions are added to
    the entities, and to ``only_arguments``; of several with one span, the one with the best score.
    """
    relations = list(relations)
    by_span = {entity.span: entity for entity in entities}
    found = set(by_span)
    for mention in (mention for relation in relations for mention in (relation.head, relation.tail)):
        if mention.span not in found:
            by_span[mention.span] = max(by_span.get(mention.span, mention), mention, key=lambda one: one.score or 0)
    predicted = example.unlabeled()
    predicted.relations = [r._replace(head=by_span[r.head.span], tail=by_span[r.tail.span]) for r in relations]
    predicted.entities = sorted(by_span.values(), key=lambda entity: entity.span)
    predicted.only_arguments = frozenset(by_span.keys() - found)
    return predicted
