"""Contextual word vectors from a pretrained transformer."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.sizes import require_sizes
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.embedders.pretrained import Pretrained, build_empty, load_pretrained, require_pretrained
from relx.embedders.scalar_mix import ScalarMix
from relx.embedders.word_pieces import WordPieces
from relx.precision import single
from relx.registry import Injected

logger = logging.getLogger(__name__)

# Text of the model's own language has next to none.
MANY = 0.2
UNKNOWN_WORDS = "%s: its tokenizer does not know %.0f%% of the training data's words; is it made for this language?"


@TokenEmbedder.register("transformer")
class TransformerEmbedder(TokenEmbedder):
    """A vector for each word from an encoder of the Hugging Face library: -> [batch, length, its hidden size].

    ``model`` is a folder, or the name of a model on the hub. A word is its ``first`` piece or the ``mean`` of its
    pieces, and zero if it has none. ``layers`` is the ``last`` one, a learnt ``mix`` of all (Peters et al. 2018), or
    the number of the highest one that is kept, counted from 1. A sentence of more than ``max_pieces`` pieces (by
    default the model's own limit) is read in overlapping windows, each word where it has most context. An encoder that
    is not ``trainable`` has no dropout of its own either. ``dtype`` is what it computes in, where that is safe; weights
    and vectors are in float32. The extracted triples may change with it.

    Raises RelxError for a model that cannot be had, ValueError for windows or layers that it does not have.
    """

    def __init__(
        self,
        vocabulary: Injected[Vocabulary],
        model: str,
        pooling: Literal["first", "mean"] = "first",
        layers: Literal["last", "mix"] | int = "last",
        trainable: bool = True,
        max_pieces: int | None = None,
        dropout: float = 0.0,
        dtype: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        super().__init__()
        require_sizes(max_pieces=max_pieces)
        if not model:
            raise ValueError("model is empty; it names a folder, or a model of the Hugging Face hub")
        self.trainable = trainable
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.dropout = nn.Dropout(dropout)
        found = _transformer(vocabulary, model, layers if isinstance(layers, int) else None)
        if max_pieces is not None and found.max_pieces is not None and max_pieces > found.max_pieces:
            raise ValueError(f"max_pieces is {max_pieces}; the model reads at most {found.max_pieces}")
        self.pieces = WordPieces(found.tokenizer, max_pieces or found.max_pieces, pooling)
        if vocabulary.examples:
            _warn_of_unknown_words(model, self.pieces.unknown_share(vocabulary.examples, found.unknown))
        self.transformer = found.encoder.requires_grad_(trainable)
        settings: Any = self.transformer.config
        self.mix = ScalarMix(settings.num_hidden_layers) if layers == "mix" else None
        self.output_dim = settings.hidden_size
        self.train()

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Raise RelxError where no transformer that relx reads has the name ``model``."""
        if arguments["model"]:
            require_pretrained(arguments["model"])

    def train(self, mode: bool = True) -> "TransformerEmbedder":
        """Switch to training or evaluation; a frozen encoder stays in evaluation."""
        super().train(mode)
        self.transformer.train(mode and self.trainable)
        return self

    def index(self, example: Example) -> Arrays:
        """What ``WordPieces.index`` says of the tokens."""
        return self.pieces.index(example.tokens)

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Give each a piece of its own, whose vector starts at random and is trained with the encoder."""
        if not tokens:
            return
        transformer: Any = self.transformer
        rows, needed = len(transformer.get_input_embeddings().weight), self.pieces.add_tokens(tokens)
        if needed > rows:  # some models have rows to spare
            transformer.resize_token_embeddings(needed, mean_resizing=False)

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, hidden size]."""
        sizes = batch["window_sizes"]
        windows, sizes = batch["pieces"][sizes > 0], sizes[sizes > 0]
        real = torch.arange(windows.shape[1], device=windows.device) < sizes.unsqueeze(1)
        return self.dropout(_words(self._encode(windows, real), batch))

    def _encode(self, windows: Tensor, real: Tensor) -> Tensor:
        """[windows, longest, hidden size]."""
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()), self._precision(windows.device.type):
            encoded = self.transformer(windows, attention_mask=real.long(), output_hidden_states=self.mix is not None)
        if self.mix is None:
            return single(encoded.last_hidden_state)
        return self.mix(list(map(single, encoded.hidden_states[1:])))

    def _precision(self, device: str) -> AbstractContextManager[object]:
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(device, self.dtype)


def _warn_of_unknown_words(model: str, share: float) -> None:
    if share > MANY:
        logger.warning(UNKNOWN_WORDS, model, 100 * share)


def _words(encoded: Tensor, batch: Batch) -> Tensor:
    """The mean, for each word of the batch, of the pieces from which it is made."""
    counts, places = batch["word_pieces"], batch["piece_places"]
    windows = (batch["window_sizes"] > 0).flatten().cumsum(0).view_as(batch["window_sizes"]) - 1
    rows = windows.gather(1, places[..., 0]) * encoded.shape[1] + places[..., 1]
    real = torch.arange(rows.shape[1], device=rows.device) < counts.sum(dim=1, keepdim=True)
    starts = counts.flatten().cumsum(0) - counts.flatten()
    words = F.embedding_bag(rows[real], encoded.flatten(0, 1), starts, mode="mean")
    return words.view(*counts.shape, -1)


def _transformer(vocabulary: Vocabulary, name: str, layers: int | None) -> Pretrained:
    """In training the pretrained one, which the vocabulary then keeps; else the one that was kept, without weights."""
    found = load_pretrained(name, layers) if vocabulary.counting else None
    config = vocabulary.file("transformer/config.json", lambda: found.config if found else b"")
    tokenizer = vocabulary.file("transformer/tokenizer.json", lambda: found.tokenizer if found else b"")
    limit = vocabulary.fact("transformer.max_pieces", lambda: found.max_pieces if found else None)
    return found or build_empty(config, tokenizer, limit)
