"""Tokens by a Stanza model."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from relx.annotators.stanza_models import StanzaModels, stanza_package
from relx.annotators.tokenizers.tokenizer import ZERO_WIDTH, Tokenizer, Tokens, visible_tokens

# Stanza's search for addresses takes the square of the length of such a stretch: 14 s for 40,000 characters.
_STRETCH = re.compile("[!-~]{1000,}")
_SHOWN = 10
_BLANKS = str.maketrans(ZERO_WIDTH, " " * len(ZERO_WIDTH))

Span = tuple[int, int]


@Tokenizer.register("stanza")
class StanzaTokenizer(Tokenizer):
    """Tokenize with Stanza (Qi et al. 2020). Its model has to be there already.

    A zero width space (U+200B) and a byte order mark (U+FEFF) separate words like a blank; other invisible marks at the
    edge of a token are no part of it. A stretch of 1,000 or more ASCII characters without a blank is one token.

    Args:
        language: The language of the model.
        model_dir: A folder of Stanza's resources, or one that holds a ``tokenize.pt``; by default Stanza's own folder.
        split_at_mentions: Whether to split the training data also where an annotated mention begins or ends within a
            token.
    """

    def __init__(self, language: str = "en", model_dir: str | None = None, split_at_mentions: bool = False):
        self.split_at_mentions = split_at_mentions
        self.models = StanzaModels(language, model_dir, ("tokenize",), "tokenizer")

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text, with its sentences joined. Raises RelxError if the model is missing."""
        results = [Tokens([], []) for _ in texts]
        for i, document in enumerate(stanza_documents(lambda: self._pipeline, texts)):
            if document is not None:
                stretches = [match.span() for match in _STRETCH.finditer(texts[i])]
                results[i] = visible_tokens(texts[i], _with_stretches(_offsets(document), stretches))
        return results

    @cached_property
    def _pipeline(self) -> Any:
        return self.models.pipeline()


def stanza_documents(pipeline: Callable[[], Any], texts: Sequence[str]) -> list[Any | None]:
    """Return Stanza's document for each text; None for a text without a visible character."""
    shown = [_STRETCH.sub(_beginning, text.translate(_BLANKS)) for text in texts]
    visible = [i for i, text in enumerate(shown) if text.strip()]
    made: list[Any | None] = [None] * len(texts)
    if visible:
        document = stanza_package().Document
        processed = pipeline().bulk_process([document([], text=shown[i]) for i in visible])
        for i, of_text in zip(visible, processed, strict=True):
            made[i] = of_text
    return made


def _beginning(stretch: re.Match[str]) -> str:
    """Replace all but the first characters of a stretch by spaces."""
    return stretch[0][:_SHOWN].ljust(len(stretch[0]))


def _with_stretches(spans: list[Span], stretches: Sequence[Span]) -> list[Span]:
    """Return the spans of the tokens, after merging all tokens that touch a stretch into one."""
    for start, end in stretches:
        first = bisect_right(spans, start, key=lambda span: span[1])
        last = bisect_left(spans, end, key=lambda span: span[0])
        touching = [(start, end), *spans[first:last]]
        spans[first:last] = [(min(touching)[0], max(end for _, end in touching))]
    return spans


def _offsets(document: Any) -> list[Span]:
    """Return the span of each word, or of the whole token if its words do not occur in the text."""
    spans: list[Span] = []
    for token in (token for sentence in document.sentences for token in sentence.tokens):
        words = [(word.start_char, word.end_char) for word in token.words]
        in_text = all(start is not None and end is not None for start, end in words)
        spans.extend(words if in_text else [(token.start_char, token.end_char)])
    return spans
