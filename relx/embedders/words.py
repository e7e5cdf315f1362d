"""Word vectors: random, or from a GloVe or word2vec text file."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vectors import read_vectors
from relx.data.vocabulary import Namespace, Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.errors import ConfigError
from relx.registry import Injected
from relx.utils.argument_checks import require_shares, require_sizes
from relx.utils.files import byte_lines

logger = logging.getLogger(__name__)

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2


@TokenEmbedder.register("words")
class WordEmbedder(TokenEmbedder):
    """Embed each word by a table of vectors: -> [batch, length, dim].

    A word is looked up as it is written, then in lower case.

    Raises ValueError for a ``dim`` below the size of the vectors, DataError for a bad vectors file.

    Args:
        vocabulary: Vocabulary of the model, which collects the words of the training data.
        dim: Size of a vector, by default that of the file, else 100. Columns beyond it start at random.
        vectors: GloVe or word2vec text file, may be .gz. Without it the vectors start at random.
        trainable: Train the vectors.
        keep_unseen: Keep the file's vectors of words that do not occur in training, frozen, for prediction.
        min_count: Words that occur less often in training are unknown words.
        dropout: Dropout on the vectors.
        word_dropout: Share of the words that are replaced by the unknown word in training; a head's markers are not.
        sparse: Let a step change only the vectors of the words in its batch. Saves much time for a large table.
    """

    unseen: Tensor

    def __init__(
        self,
        vocabulary: Injected[Vocabulary],
        dim: int | None = None,
        vectors: str | None = None,
        trainable: bool = True,
        keep_unseen: bool = True,
        min_count: int = 1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        require_sizes(dim=dim, min_count=min_count)
        if vectors == "":
            raise ValueError("vectors is empty; name a file, or leave it out for random vectors")
        require_shares(word_dropout=word_dropout)
        self.word_dropout = word_dropout
        self.sparse = sparse
        self.dropout = nn.Dropout(dropout)
        self.words = vocabulary.namespace("words", lambda example: example.tokens, min_count)
        found = _Vectors(vectors, self.words, keep_unseen) if vectors and vocabulary.counting else None
        size = vocabulary.fact("words.vector_size", lambda: found.size if found else None)
        self.unseen_words = vocabulary.listed("unseen_words", lambda: found.unseen if found else ())
        self.output_dim = dim or size or 100
        self.added = Namespace(())
        if size is not None and self.output_dim < size:
            raise ValueError(f"dim is {dim}, but the vectors have {size} dimensions")
        self.table = nn.Parameter(_random_table(FIRST_WORD + len(self.words), self.output_dim), trainable)
        self.register_buffer("unseen", torch.zeros(len(self.unseen_words), self.output_dim))
        if found is not None:
            found.copy_into(self.table, self.unseen)
            logger.info("%s: %s", vectors, found.coverage())

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Raise DataError for ``vectors`` that cannot be read."""
        path = arguments.get("vectors")
        if path and not Path(path).exists():  # a pipe can be read only once
            next(byte_lines(path))

    def index(self, example: Example) -> Arrays:
        """Return ``words`` [length]."""
        known = self.words.get_all(example.tokens) if not self.added else [None] * len(example)
        rows = [FIRST_WORD + index if index is not None else self._row(word)
                for index, word in zip(known, example.tokens, strict=True)]  # fmt: skip
        return {"words": np.array(rows, dtype=np.int32)}

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Append a row for each token to the table of the training words, of the same mean norm as the others."""
        self.added = Namespace([*self.added, *tokens])
        known = self.table.detach()
        table = known.new_empty(len(known) + len(tokens), self.output_dim)
        if not known.is_meta:  # where tensors have no numbers, torch imports its compiler to compute with them
            norm = known[UNKNOWN:].square().mean().sqrt() * self.output_dim**0.5
            torch.cat((known, _random_rows(len(tokens), self.output_dim) * norm), out=table)
        self.table = nn.Parameter(table, self.table.requires_grad)

    def add_words(self, words: Sequence[str]) -> None:
        """Append a row for each word that has no vector."""
        self.add_tokens(list(dict.fromkeys(word for word in words if self._row(word) == UNKNOWN)))

    def row_keys(self) -> dict[str, list[Hashable]]:
        """Name the rows of both tables by their words."""
        return {"table": [PADDING, UNKNOWN, *self.words, *self.added], "unseen": [*self.unseen_words]}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, dim]."""
        rows = batch["words"]
        if self.training and self.word_dropout:
            dropped = torch.rand_like(rows, dtype=torch.float) < self.word_dropout
            rows = rows.masked_fill(dropped & batch.mask & ~self._is_added(rows), UNKNOWN)
        return self.dropout(self._vectors(rows))

    def _vectors(self, rows: Tensor) -> Tensor:
        if self.sparse and self.training:
            _require_one_process()
        seen = F.embedding(rows.clamp(max=len(self.table) - 1), self.table, padding_idx=PADDING, sparse=self.sparse)
        if len(self.unseen) == 0:
            return seen
        other = F.embedding((rows - len(self.table)).clamp(min=0), self.unseen)
        return torch.where((rows < len(self.table)).unsqueeze(-1), seen, other)

    def _is_added(self, rows: Tensor) -> Tensor:
        first = FIRST_WORD + len(self.words)
        return (rows >= first) & (rows < first + len(self.added))

    def _row(self, word: str) -> int:
        if (index := self.added.get(word)) is not None:
            return FIRST_WORD + len(self.words) + index
        for form in (word, word.lower()):
            if (index := self.words.get(form)) is not None:
                return FIRST_WORD + index
            if (index := self.unseen_words.get(form)) is not None:
                return len(self.table) + index
        return UNKNOWN


class _Vectors:
    """Hold the part of a vectors file that a vocabulary needs."""

    def __init__(self, path: str, words: Namespace, keep_unseen: bool) -> None:
        wanted = {form for word in words for form in (word, word.lower())}
        names, self.matrix = read_vectors(path, None if keep_unseen else wanted.__contains__)
        self.words = words
        self.rows = {name: row for row, name in enumerate(names)}
        self.unseen = [name for name in names if name not in words] if keep_unseen else []
        self.size = int(self.matrix.shape[1])

    def copy_into(self, table: Tensor, unseen: Tensor) -> None:
        """Copy the vectors into the first columns of both tables; words without one keep their random vector."""
        vectors = torch.from_numpy(self.matrix)
        with torch.no_grad():
            if len(vectors):
                # Words that the file lacks get vectors of the same mean norm as those it has.
                table *= vectors.square().mean().sqrt() / table[UNKNOWN:].square().mean().sqrt()
            for index, word in enumerate(self.words):
                row = self.rows.get(word, self.rows.get(word.lower()))
                if row is not None:
                    table[FIRST_WORD + index, : self.size] = vectors[row]
            unseen[:, : self.size] = vectors[[self.rows[word] for word in self.unseen]]

    def coverage(self) -> str:
        """Say how many of the training words have a vector."""
        exact = sum(word in self.rows for word in self.words)
        lower = sum(word not in self.rows and word.lower() in self.rows for word in self.words)
        share = (exact + lower) / max(1, len(self.words))
        return f"{share:.1%} of {len(self.words)} words have a vector ({exact} as written, {lower} in lower case)"


def _require_one_process() -> None:
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        raise ConfigError("sparse word vectors are trained in one process only; set the embedder's sparse to false")


def _random_table(rows: int, dim: int) -> Tensor:
    table = _random_rows(rows, dim)
    table[PADDING] = 0
    return table


def _random_rows(rows: int, dim: int) -> Tensor:
    return torch.empty(rows, dim).uniform_(-((3 / dim) ** 0.5), (3 / dim) ** 0.5)
