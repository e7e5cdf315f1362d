"""The model of every experiment: an embedder, an encoder and a head."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch, TensorDataset
from relx.data.example import Example, relatable
from relx.data.loader import DataLoader, Map
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import Levitated, TokenEmbedder
from relx.encoders.seq2seq.encoder import PassThroughEncoder, Seq2SeqEncoder
from relx.errors import TrainingError
from relx.heads.faults import faults_of
from relx.heads.head import Head, HeadOutput, Thresholds
from relx.registry import Injected, Lazy, registered_name
from relx.utils.precision import HALF

T = TypeVar("T")


class JointExtractor(nn.Module):
    """Embed the tokens, encode the sentence, and leave the rest to the head.

    Each part gets the size of the vectors of the part before it, so a file writes no dimension twice.

    Args:
        vocabulary: The words and labels of the training data.
        embedder: The embedder of the tokens.
        head: The head, which extracts entities and relations from the encoded sentence.
        encoder: The encoder of the sentence. Without one the head reads the embeddings.
    """

    def __init__(
        self,
        vocabulary: Injected[Vocabulary],
        embedder: Lazy[TokenEmbedder],
        head: Lazy[Head],
        encoder: Lazy[Seq2SeqEncoder] | None = None,
    ) -> None:
        super().__init__()
        encoder = encoder or Lazy(PassThroughEncoder)
        self.vocabulary = vocabulary
        self.embedder = embedder.build(vocabulary=vocabulary)
        self.encoder = encoder.build(input_dim=self.embedder.output_dim)
        with warnings.catch_warnings():
            # Where training has no relation there is nothing to score, and torch says so of each empty weight.
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")
            self.head = head.build(
                input_dim=self.encoder.output_dim, task_features=self.encoder.task_features, vocabulary=vocabulary,
                attention_maps=self.embedder.attention_maps,
            )  # fmt: skip
        self.embedder.add_words(self.head.words)
        if not self.head.levitated:
            self.embedder.add_tokens(self.head.markers)
        elif isinstance(self.encoder, PassThroughEncoder):
            self.embedder.add_levitated(self.head.markers)
        else:
            raise ValueError("levitated markers need a transformer without an encoder above it; leave the encoder out")

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def index(self, example: Example) -> Arrays:
        """Write the arrays of one sentence without labels."""
        return {**self.embedder.index(example), **self.encoder.index(example), **self.head.index(example)}

    def index_labeled(self, example: Example) -> Arrays:
        """Write the arrays of one sentence and the targets of the head."""
        return {**self.index(example), **self.head.targets(example).arrays}

    def encode(self, batch: Batch) -> Tensor:
        """Embed and encode a batch: -> [batch, length, size of the encoder]."""
        return self.encoder.encode(self.embedder(batch), batch)

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss of a batch with targets: a scalar.

        The loss is computed in float32, because sums over tables of pairs are too long for half precision.
        """
        scores = self.scores(batch).items()
        output = {name: tensor.float() if tensor.dtype in HALF else tensor for name, tensor in scores}
        with torch.autocast(self.device.type, enabled=False):
            return self.loss(output, batch)

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Compute the loss of the head's output. Raises TrainingError if it is no scalar."""
        loss = self.head.loss(output, batch)
        if not isinstance(loss, Tensor) or loss.dim():
            found = f"has the shape {list(loss.shape)}" if isinstance(loss, Tensor) else f"is {loss!r}"
            raise TrainingError(
                f"the loss of the head {registered_name(self.head)!r} {found}; it must be a scalar, a tensor without "
                "axes: the sum over a sentence, averaged over the sentences of the batch"
            )
        return loss

    def scores(self, batch: Batch) -> HeadOutput:
        """Compute the head's output: logits, or the features that they are made from, by name.

        The output of a head that decodes in steps serves only the loss: its batch must hold targets.
        """
        return self.head(batch, Encoding(self))

    def extract(
        self,
        examples: Iterable[Example],
        loader: DataLoader,
        over: Map = map,
        at: Thresholds | None = None,
        added: Mapping[str, str] | None = None,
    ) -> list[Example]:
        """Predict for sentences, in their order, in batches of similar lengths. ``over`` maps over the batches.

        ``at`` are thresholds below those of the head, for candidates that are less probable (``Head.at``). ``added``
        are descriptions of relations that the head has not learned (``Head.with_relations``). A head that finds no
        entities is given those that the sentences hold.
        """
        if not self.head.finds_entities:
            return self.relate(examples, loader, over, at, added)
        head = self._head(at, added)

        def extract(batch: Batch) -> list[Example]:
            with faults_of(head, "extract"):
                return head.extract(batch.to(self.device), Encoding(self))

        return self._predict(extract, examples, loader, over)

    def relate(
        self,
        examples: Iterable[Example],
        loader: DataLoader,
        over: Map = map,
        at: Thresholds | None = None,
        added: Mapping[str, str] | None = None,
    ) -> list[Example]:
        """Predict the relations between the entities that the sentences hold, and return these with the relations.

        The head has to ``relates_given``. An entity without a place in the sentence, one whose tokens another entity
        has, and one with a ``fault_of_given`` has no relations. ``at`` and ``added`` are those of ``extract``.
        """
        head = self._head(at, added)

        def relate(batch: Batch) -> list[Example]:
            given = [[e for e in relatable(one) if head.fault_of_given(e) is None] for one in batch.examples]
            with faults_of(head, "relations_between"):
                found = head.relations_between(batch.to(self.device), Encoding(self), given)
            pairs = zip(batch.examples, found, strict=True)
            return [replace(example, entities=[*example.entities], relations=relations) for example, relations in pairs]

        return self._predict(relate, examples, loader, over)

    def _head(self, at: Thresholds | None, added: Mapping[str, str] | None) -> Head:
        head = self.head if at is None else self.head.at(at)
        return head.with_relations(added) if added else head

    def vectors(self, examples: Iterable[Example], loader: DataLoader) -> list[Tensor]:
        """Return the mean of the encoded tokens of each sentence: [size of the encoder], on the CPU."""

        def means(batch: Batch) -> list[Tensor]:
            batch = batch.to(self.device)
            mask = batch.mask.unsqueeze(-1)
            return [*((self.encode(batch) * mask).sum(1) / mask.sum(1)).float().cpu()]

        return self._predict(means, examples, loader, map)

    def _predict(
        self, work: Callable[[Batch], list[T]], examples: Iterable[Example], loader: DataLoader, over: Map
    ) -> list[T]:
        corpus = TensorDataset(examples, self.index, self.head.cost)
        with self._evaluating():
            return loader.apply(work, corpus, over)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.training
        if was_training:  # to set the mode of all modules takes a millisecond
            self.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            if was_training:
                self.train()


class Encoding:
    """Encode sentences with a model, for its head."""

    def __init__(self, model: JointExtractor) -> None:
        self.model = model

    def __call__(self, batch: Batch) -> Tensor:
        """Encode a batch: -> [batch, length, size of the encoder]."""
        return self.model.encode(batch)

    def levitated(self, batch: Batch, markers: Levitated) -> Tensor:
        """Encode markers beside the sentences of a batch: -> [groups, markers of a group, size of the encoder]."""
        return self.model.embedder.levitated(batch, markers)

    def attention(self, batch: Batch) -> Tensor:
        """Return the attention between the words of sentences: -> [batch, length, length, maps]."""
        return self.model.embedder.attention(batch)

    def batch_of(self, examples: Sequence[Example]) -> Batch:
        """Make a batch without targets of sentences, at least one."""
        corpus = TensorDataset(examples, self.model.index)
        return corpus.batch(range(len(corpus))).to(self.model.device)
