"""Dependency trees by a Stanza model."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from relx.annotators.cache import AnnotationCache
from relx.annotators.parsers.parser import DependencyParser, Parse, parse_fault
from relx.annotators.stanza_models import StanzaModels, annotated_words


@DependencyParser.register("stanza")
class StanzaParser(DependencyParser):
    """Parse the tokens as they are with Stanza's biaffine parser (Qi et al. 2020). Its models have to be there already.

    Args:
        language: The language of the models.
        model_dir: A folder of Stanza's resources, or one that holds ``pos.pt``, ``lemma.pt`` and ``depparse.pt``; by
            default Stanza's own folder.
        use_gpu: Whether to use a GPU if there is one.
        cache: The folder where the trees are kept; by default the user's cache folder.
    """

    def __init__(
        self, language: str = "en", model_dir: str | None = None, use_gpu: bool = True, cache: str | None = None
    ) -> None:
        self.models = StanzaModels(language, model_dir, ("pos", "lemma", "depparse"), "dependency_parser")
        self.use_gpu = use_gpu
        self.cache = cache

    def parse(self, sentences: Sequence[list[str]]) -> list[Parse]:
        """Return the tree of each sentence. Raises RelxError if a model is missing."""
        return [Parse(*kept) for kept in self._cache.annotated(sentences, self._parse, _fits)]

    def identity(self) -> str:
        """Return Stanza's version and a hash of the models. Raises RelxError if there are no models."""
        return self.models.identity

    def _parse(self, sentences: list[list[str]]) -> list[Parse]:
        parsed = annotated_words(sentences, lambda spoken: self._pipeline(spoken))
        return [Parse([word.head for word in words], [word.deprel for word in words]) for words in parsed]

    @cached_property
    def _pipeline(self) -> Any:
        return self.models.pipeline(self.use_gpu)

    @cached_property
    def _cache(self) -> AnnotationCache:
        return AnnotationCache(self.identity(), self.cache)


def _fits(kept: Any, length: int) -> bool:
    return isinstance(kept, list) and len(kept) == 2 and parse_fault(Parse(*kept), length) is None
