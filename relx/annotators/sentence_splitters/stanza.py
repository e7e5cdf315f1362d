"""Sentences by a Stanza model."""

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from relx.annotators.sentence_splitters.splitter import SentenceSplitter, Span, visible_spans
from relx.annotators.stanza_models import StanzaModels
from relx.annotators.tokenizers.stanza import stanza_documents

_PARAGRAPH = re.compile(r"\S.*?(?=\n[^\S\n]*\n|\Z)", re.DOTALL)


@SentenceSplitter.register("stanza")
class StanzaSplitter(SentenceSplitter):
    """Split with the ``tokenize`` processor of Stanza (Qi et al. 2020). Its model has to be there already.

    A blank line always ends a sentence.

    Args:
        language: The language of the model.
        model_dir: A folder of Stanza's resources, or one that holds a ``tokenize.pt``; by default Stanza's own folder.
    """

    def __init__(self, language: str = "en", model_dir: str | None = None) -> None:
        self.models = StanzaModels(language, model_dir, ("tokenize",), "sentence_splitter")

    def split(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of the sentences of each text. Raises RelxError if the model is missing."""
        paragraphs = [(i, match.span()) for i, text in enumerate(texts) for match in _PARAGRAPH.finditer(text)]
        documents = stanza_documents(lambda: self._pipeline, [texts[i][start:end] for i, (start, end) in paragraphs])
        found: list[list[Span]] = [[] for _ in texts]
        for (i, (start, end)), document in zip(paragraphs, documents, strict=True):
            sentences = document.sentences if document is not None else []
            begins = [start, *(start + sentence.tokens[0].start_char for sentence in sentences[1:]), end]
            found[i] += visible_spans(texts[i], pairwise(begins))
        return found

    @cached_property
    def _pipeline(self) -> Any:
        return self.models.pipeline()
