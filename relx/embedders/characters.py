"""Word vectors made from the characters of each word."""

from collections.abc import Hashable

import numpy as np
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.encoders.seq2vec.encoder import Seq2VecEncoder
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_sizes

PADDING, UNKNOWN, FIRST_CHARACTER = 0, 1, 2
HALF = 25


@TokenEmbedder.register("characters")
class CharacterEmbedder(TokenEmbedder):
    """Embed each word from its characters with a seq2vec encoder: -> [batch, length, encoder's size].

    Of a word of more than 50 characters the encoder reads the first and the last 25.

    Args:
        vocabulary: Vocabulary of the model, which collects the characters of the training data.
        encoder: Encoder of the characters of a word as one vector.
        dim: Size of a character's vector.
        dropout: Dropout on the vectors of the words.
    """

    def __init__(
        self,
        vocabulary: Injected[Vocabulary],
        encoder: Lazy[Seq2VecEncoder],
        dim: int = 30,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(dim=dim)
        self.characters = vocabulary.namespace("characters", lambda example: "".join(example.tokens))
        self.table = nn.Embedding(FIRST_CHARACTER + len(self.characters), dim, padding_idx=PADDING)
        self.encoder = encoder.build(input_dim=dim)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = self.encoder.output_dim

    def index(self, example: Example) -> Arrays:
        """Return ``characters`` [length, longest word]."""
        rows = [[self._row(c) for c in _ends(word)] for word in example.tokens]
        # As small as the alphabet allows: a corpus has many characters.
        small = np.min_scalar_type(self.table.num_embeddings)
        matrix = np.zeros((len(rows), max(map(len, rows), default=0)), dtype=small)
        for place, row in enumerate(rows):
            matrix[place, : len(row)] = row
        return {"characters": matrix}

    def row_keys(self) -> dict[str, list[Hashable]]:
        """Name the rows by their characters."""
        return {"table.weight": [PADDING, UNKNOWN, *self.characters]}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, encoder's output size]."""
        words = batch["characters"][batch.mask]
        encoded = self.encoder(self.table(words), words != PADDING)
        out = encoded.new_zeros(*batch.mask.shape, self.output_dim)
        out[batch.mask] = self.dropout(encoded)
        return out

    def _row(self, character: str) -> int:
        index = self.characters.get(character)
        return UNKNOWN if index is None else FIRST_CHARACTER + index


def _ends(word: str) -> str:
    return word if len(word) <= 2 * HALF else word[:HALF] + word[-HALF:]
