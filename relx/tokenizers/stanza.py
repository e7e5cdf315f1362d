"""Tokens by a Stanza model."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from relx.stanza_models import StanzaModels, stanza_package
from relx.tokenizers.tokenizer import Tokenizer, Tokens


@Tokenizer.register("stanza")
class StanzaTokenizer(Tokenizer):
    """Stanza's tokenizer (Qi et al. 2020). Downloads nothing: its model must be there.

    ``model_dir`` is a folder of Stanza's resources (by default Stanza's own), or one that holds a ``tokenize.pt``.
    ``split_at_mentions`` also splits the training data where an annotated mention begins or ends within a token.
    """

    def __init__(self, language: str = "en", model_dir: str | None = None, split_at_mentions: bool = False):
        self.split_at_mentions = split_at_mentions
        self.models = StanzaModels(language, model_dir, ("tokenize",), "tokenizer")

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, its sentences joined. Raises RelxError when the model is missing."""
        results = [Tokens([], []) for _ in texts]
        visible = [i for i, text in enumerate(texts) if text.strip()]
        for i, document in zip(visible, self._process([texts[i] for i in visible]), strict=True):
            offsets = _offsets(document)
            results[i] = Tokens([texts[i][start:end] for start, end in offsets], offsets)
        return results

    def _process(self, texts: list[str]) -> list[Any]:
        document = stanza_package().Document
        return self._pipeline.bulk_process([document([], text=text) for text in texts]) if texts else []

    @cached_property
    def _pipeline(self) -> Any:
        return self.models.pipeline()


def _offsets(document: Any) -> list[tuple[int, int]]:
    """Of each word; of the token as a whole where a model expands it into words that do not stand in the text."""
    spans: list[tuple[int, int]] = []
    for token in (token for sentence in document.sentences for token in sentence.tokens):
        words = [(word.start_char, word.end_char) for word in token.words]
        in_text = all(start is not None and end is not None for start, end in words)
        spans.extend(words if in_text else [(token.start_char, token.end_char)])
    return spans
