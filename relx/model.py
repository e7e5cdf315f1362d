"""The model of every experiment: an embedder, an encoder and a head."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch, TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader, Map
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.encoders.seq2seq.compose import PassThroughEncoder
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.errors import TrainingError
from relx.heads.faults import faults_of
from relx.heads.head import Head, HeadOutput
from relx.registry import Injected, Lazy, registered_name
from relx.utils.precision import to_float32


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
                input_dim=self.encoder.output_dim, task_features=self.encoder.task_features, vocabulary=vocabulary
            )
        self.embedder.add_tokens(self.head.markers)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def index(self, example: Example) -> Arrays:
        """The arrays of one sentence without labels."""
        return {**self.embedder.index(example), **self.encoder.index(example), **self.head.index(example)}

    def index_labelled(self, example: Example) -> Arrays:
        """The arrays of one sentence and of the head's targets."""
        return {**self.index(example), **self.head.targets(example).arrays}

    def encode(self, batch: Batch) -> Tensor:
        """[batch, length, size of the encoder]."""
        return self.encoder.encode(self.embedder(batch), batch)

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch with targets: a scalar. Sums over tables of pairs are too long for half precision."""
        scores = {name: to_float32(score) for name, score in self.scores(batch).items()}
        with torch.autocast(self.device.type, enabled=False):
            return self.loss(scores, batch)

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """The head's loss of this output. Raises TrainingError for one that is no scalar."""
        loss = self.head.loss(output, batch)
        if not isinstance(loss, Tensor) or loss.dim():
            found = f"has the shape {list(loss.shape)}" if isinstance(loss, Tensor) else f"is {loss!r}"
            raise TrainingError(
                f"the loss of the head {registered_name(self.head)!r} {found}; it must be a scalar, a tensor without "
                "axes: the sum over a sentence, averaged over the sentences of the batch"
            )
        return loss

    def scores(self, batch: Batch) -> HeadOutput:
        """The head's output: logits, or the features that they are made from, by name."""
        return self.head(batch, Encoding(self))

    def extract(self, examples: Iterable[Example], loader: DataLoader, over: Map = map) -> list[Example]:
        """Predictions for sentences, in their order, made in batches of like length; ``over`` maps over the batches."""
        corpus = TensorDataset(examples, self.index)
        with self._evaluating():
            return loader.apply(self._extract, corpus, over)

    def _extract(self, batch: Batch) -> list[Example]:
        with faults_of(self.head, "extract"):
            return self.head.extract(batch.to(self.device), Encoding(self))

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.train(was_training)


class Encoding:
    """What a head is handed to have sentences encoded by its model."""

    def __init__(self, model: JointExtractor) -> None:
        self.model = model

    def __call__(self, batch: Batch) -> Tensor:
        """[batch, length, size of the encoder]."""
        return self.model.encode(batch)

    def batch_of(self, examples: Sequence[Example]) -> Batch:
        """Sentences, at least one, as a batch without targets."""
        corpus = TensorDataset(examples, self.model.index)
        return corpus.batch(range(len(corpus))).to(self.model.device)
