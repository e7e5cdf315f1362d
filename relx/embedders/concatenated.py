"""Several embedders in one."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.registry import Injected, Lazy


@TokenEmbedder.register("concatenated")
class ConcatenatedEmbedder(TokenEmbedder):
    """Concatenate the vectors of several embedders: -> [batch, length, sum of their sizes].

    Args:
        vocabulary: Vocabulary of the model.
        embedders: The embedders, at least one, all of different types.
    """

    def __init__(self, vocabulary: Injected[Vocabulary], embedders: list[Lazy[TokenEmbedder]]) -> None:
        super().__init__()
        if not embedders:
            raise ValueError("embedders is empty; name at least one embedder")
        if len({embedder.constructor for embedder in embedders}) < len(embedders):
            raise ValueError("embedders must be of different types; two of one type would share their vocabulary")
        self.embedders = nn.ModuleList(embedder.build(vocabulary=vocabulary) for embedder in embedders)
        self.output_dim = sum(embedder.output_dim for embedder in self.embedders)  # type: ignore[misc]

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Check the sources of every embedder."""
        for embedder in arguments["embedders"]:
            embedder.constructor.require_sources(embedder.arguments)

    def index(self, example: Example) -> Arrays:
        """Return the arrays of every embedder."""
        return {name: array for embedder in self.embedders for name, array in embedder.index(example).items()}  # type: ignore

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Make room for them in every embedder."""
        for embedder in self.embedders:
            embedder.add_tokens(tokens)  # type: ignore

    def add_words(self, words: Sequence[str]) -> None:
        """Make room for them in every embedder."""
        for embedder in self.embedders:
            embedder.add_words(words)  # type: ignore

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, output_dim]."""
        return torch.cat([embedder(batch) for embedder in self.embedders], dim=-1)
