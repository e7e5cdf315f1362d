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
    """A vector for the part of speech of each word: -> [batch, length, dim].

    The tags are the data's or those of the experiment's ``pos_tagger``. Raises DataError for a sentence without tags.
    """

    def __init__(self, vocabulary: Injected[Vocabulary], dim: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        require_sizes(dim=dim)
        self.tags = vocabulary.namespace("pos_tags", _tags)
        self.table = nn.Embedding(FIRST_TAG + len(self.tags), dim, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = dim

    def index(self, example: Example) -> Arrays:
        """``pos_tags``: [length]."""
        numbers = map(self.tags.get, _tags(example))
        rows = [UNKNOWN if number is None else FIRST_TAG + number for number in numbers]
        return {"pos_tags": np.array(rows, dtype=np.int16)}

    def row_keys(self) -> dict[str, list[Hashable]]:
        """The tags."""
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
