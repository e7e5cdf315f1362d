"""Tokens by a Stanza model."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from relx.errors import RelxError
from relx.tokenizers.tokenizer import Tokenizer, Tokens


@Tokenizer.register("stanza")
class StanzaTokenizer(Tokenizer):
    """Stanza's tokenizer (Qi et al. 2020). Downloads nothing: its model must be there.

    ``model_dir`` is a folder of Stanza's resources (by default Stanza's own), or one that holds a ``tokenize.pt``.
    """

    def __init__(self, language: str = "en", model_dir: str | None = None):
        self.language = language
        self.model_dir = model_dir

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, its sentences joined. Raises RelxError when the model is missing."""
        results = [Tokens([], []) for _ in texts]
        visible = [i for i, text in enumerate(texts) if text.strip()]
        for i, document in zip(visible, self._process([texts[i] for i in visible]), strict=True):
            offsets = _offsets(document)
            results[i] = Tokens([texts[i][start:end] for start, end in offsets], offsets)
        return results

    def _process(self, texts: list[str]) -> list[Any]:
        from stanza import Document  # noqa: PLC0415  (takes seconds, and most models never need it)

        return self._pipeline.bulk_process([Document([], text=text) for text in texts]) if texts else []

    @cached_property
    def _pipeline(self) -> Any:
        from stanza import Pipeline  # noqa: PLC0415

        options: dict[str, Any] = {"dir": self.model_dir} if self.model_dir is not None else {}
        own_model = Path(self.model_dir or "", "tokenize.pt")
        if self.model_dir is not None and own_model.is_file():
            options |= {"tokenize_model_path": str(own_model), "allow_unknown_language": True}
        try:
            return Pipeline(self.language, processors="tokenize", download_method=None, verbose=False, **options)
        except (OSError, ValueError) as error:
            raise RelxError(self._missing()) from error

    def _missing(self) -> str:
        folder = "" if self.model_dir is None else f", model_dir={self.model_dir!r}"
        place = self.model_dir or "Stanza's own folder"
        command = f'python -c "import stanza; stanza.download({self.language!r}{folder})"'
        return f"no Stanza tokenizer for {self.language!r} in {place}; get it with: {command}"


def _offsets(document: Any) -> list[tuple[int, int]]:
    """Of each word; of the token as a whole where a model expands it into words that do not stand in the text."""
    spans: list[tuple[int, int]] = []
    for token in (token for sentence in document.sentences for token in sentence.tokens):
        words = [(word.start_char, word.end_char) for word in token.words]
        in_text = all(start is not None and end is not None for start, end in words)
        spans.extend(words if in_text else [(token.start_char, token.end_char)])
    return spans
