"""The kind of component that turns the tokens of a batch into vectors."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.registry import Registrable


class Levitated(NamedTuple):
    """Hold markers that are beside a sentence: each has the position of a word, and no word reads it (PL-Marker, PURE).

    Markers come in groups, which read the sentence and themselves. ``row`` [groups] is the sentence of a group,
    ``tokens`` [groups, k] are indices of the head's ``markers``, ``words`` [groups, k] the words whose positions they
    have: that of the word's first piece, or where ``ends`` [k] that of its last piece.
    """

    row: Tensor
    tokens: Tensor
    words: Tensor
    ends: Sequence[bool]


class TokenEmbedder(nn.Module, Registrable, kind="token_embedder", injects=("vocabulary",)):
    """Index the tokens of a sentence and make their vectors: -> [batch, length, output_dim].

    ``attention_maps`` is the number of maps that ``attention`` returns, 0 if there are none.
    """

    output_dim: int
    attention_maps: int = 0

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Raise RelxError for a missing file or model in the arguments. Called before any data is read."""

    def index(self, example: Example) -> Arrays:
        """Return the arrays of one sentence, by names of this embedder's own; the first axis is its tokens."""
        raise NotImplementedError

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Make room for the marker tokens that a head inserts among the words. Called once, before training.

        An embedder that does not override this treats them as unknown words.
        """

    def add_words(self, words: Sequence[str]) -> None:
        """Make room for words that a head encodes beside those of the training data. Called before ``add_tokens``.

        An embedder that reads any word does not override this.
        """

    def add_levitated(self, tokens: Sequence[str]) -> None:
        """Make room for markers beside the sentences, as ``add_tokens`` does. Raises ValueError if it cannot read them.

        An embedder that can overrides this and ``levitated``.
        """
        raise ValueError("levitated markers need the embedder 'transformer' by itself; choose markers='text'")

    def levitated(self, batch: Batch, markers: Levitated) -> Tensor:
        """Encode markers beside the sentences of a batch: -> [groups, k, output_dim]."""
        raise NotImplementedError

    def attention(self, batch: Batch) -> Tensor:
        """Return the attention of each word to each other one: -> [batch, length, length, attention_maps]."""
        raise NotImplementedError

    def row_keys(self) -> dict[str, list[Hashable]]:
        """Name the item of each row of a weight, so that its rows are found in a model with another vocabulary."""
        return {}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, output_dim]."""
        raise NotImplementedError
