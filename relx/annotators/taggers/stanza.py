"""Tags by a Stanza model."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from relx.annotators.annotation import values_fault
from relx.annotators.cache import AnnotationCache
from relx.annotators.stanza_models import StanzaModels, annotated_words
from relx.annotators.taggers.tagger import POSTagger


@POSTagger.register("stanza")
class StanzaTagger(POSTagger):
    """Tag the tokens as they are with Stanza's tagger (Qi et al. 2020). Its model has to be there already.

    Args:
        language: The language of the model.
        model_dir: A folder of Stanza's resources, or one that holds a ``pos.pt``; by default Stanza's own folder.
        tagset: The tags of the treebank (``xpos``, for English those of the Penn Treebank), or the universal ones
            (``upos``).
        cache: The folder where the tags are kept; by default the user's cache folder.
    """

    def __init__(
        self,
        language: str = "en",
        model_dir: str | None = None,
        tagset: Literal["xpos", "upos"] = "xpos",
        cache: str | None = None,
    ) -> None:
        self.models = StanzaModels(language, model_dir, ("pos",), "pos_tagger")
        self.tagset = tagset
        self.cache = cache

    def tag(self, sentences: Sequence[list[str]]) -> list[list[str]]:
        """Return a tag for each token of each sentence. Raises RelxError if the model is missing."""
        return self._cache.annotated(sentences, self._tag, _fits)

    def identity(self) -> str:
        """Return Stanza's version, a hash of the model and the tagset. Raises RelxError if there is no model."""
        return f"{self.models.identity} {self.tagset}"

    def _tag(self, sentences: list[list[str]]) -> list[list[str]]:
        tagged = annotated_words(sentences, lambda spoken: self._pipeline(spoken))
        return [[self._tag_of(word) for word in words] for words in tagged]

    def _tag_of(self, word: Any) -> str:
        return (word.xpos if self.tagset == "xpos" else None) or word.upos

    @cached_property
    def _pipeline(self) -> Any:
        return self.models.pipeline(use_gpu=False)

    @cached_property
    def _cache(self) -> AnnotationCache:
        return AnnotationCache(self.identity(), self.cache)


def _fits(tags: Any, length: int) -> bool:
    return values_fault(tags, str, "tags", length) is None
