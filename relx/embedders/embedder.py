"""The kind of component that turns the tokens of a batch into vectors."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.registry import Registrable


class TokenEmbedder(nn.Module, Registrable, kind="token_embedder", injects=("vocabulary",)):
    """Index the tokens of a sentence and make their vectors: -> [batch, length, output_dim]."""

    output_dim: int

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

    def row_keys(self) -> dict[str, list[Hashable]]:
        """Name what each row of a weight stands for, so that its rows are found in a model with another vocabulary."""
        return {}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, output_dim]."""
        raise NotImplementedError
