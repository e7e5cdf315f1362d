"""Vectors of part-of-speech tags."""

from collections.abc import Hashable

import numpy as np
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.errors import DataError
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes

PADDING, UNKNOWN, FIRST_TAG = 0, 1, 2


@TokenEmbedder.register("tags")
class TagEmbedder(TokenEmbedder):
    """Embed the part-of-speech tag of each word: -> [batch, length, dim].

    The tags are those of the data or of the experiment's ``pos_tagger``. Raises DataError for a sentence without tags.

    Args:
        vocabulary: Vocabulary of the model, which collects the tags of the training data.
        dim: Size of a vector.
        dropout: Dropout on the vectors.
    """

    def __init__(self, vocabulary: Injected[Vocabulary], dim: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        require_sizes(dim=dim)
        self.tags = vocabulary.namespace("pos_tags", _tags)
        self.table = nn.Embedding(FIRST_TAG + len(self.tags), dim, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = dim

    def index(self, example: Example) -> Arrays:
        """Return ``pos_tags`` [length]."""
        indices = map(self.tags.get, _tags(example))
        rows = [UNKNOWN if index is None else FIRST_TAG + index for index in indices]
        return {"pos_tags": np.array(rows, dtype=np.int16)}

    def row_keys(self) -> dict[str, list[Hashable]]:
        """Name the rows by their tags."""
        return {"table.weight": [PADDING, UNKNOWN, *self.tags]}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, dim]."""
        return self.dropout(self.table(batch["pos_tags"]))


def _tags(example: Example) -> list[str]:
    if example.pos_tags is None:
        raise DataError(
            f"a sentence has no pos_tags, which the embedder 'tags' needs: {' '.join(example.tokens)[:80]!r}; "
            "give the experiment a pos_tagger, such as { type: 'stanza' }"
        )
    return example.pos_tags
