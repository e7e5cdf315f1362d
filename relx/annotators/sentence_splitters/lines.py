"""One sentence in each line."""

import re
from collections.abc import Sequence

from relx.annotators.sentence_splitters.splitter import SentenceSplitter, Span, visible_spans

_LINE = re.compile(r"[^\n]+")


@SentenceSplitter.register("lines")
class LineSplitter(SentenceSplitter):
    """Take each line of a text as a sentence."""

    def split(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of the lines that are not blank."""
        return [visible_spans(text, (match.span() for match in _LINE.finditer(text))) for text in texts]
