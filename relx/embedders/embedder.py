"""The kind of component that turns the tokens of a batch into vectors."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.registry import Registrable


class TokenEmbedder(nn.Module, Registrable, kind="token_embedder", injects=("vocabulary",)):
    """Owns the indexing of tokens and their vectors, so that nothing has to be written twice in an experiment."""

    output_dim: int

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Raise RelxError for a file or a model in the arguments that is not there: called before any data is read."""

    def index(self, example: Example) -> Arrays:
        """The arrays of one sentence, first axis its tokens, by names that are this embedder's own."""
        raise NotImplementedError

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Make room for tokens that occur in no text, which a head sets among the words; called once, before training.

        An embedder that does nothing about them takes them as words that it has never seen.
        """

    def row_keys(self) -> dict[str, list[Hashable]]:
        """What each row of a weight stands for, by the weight's name: how rows are found in a model of other words."""
        return {}

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, output_dim]."""
        raise NotImplementedError
