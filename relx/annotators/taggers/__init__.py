"""Part-of-speech taggers: ``stanza``, ``given``."""

from relx.annotators.taggers.tagger import POSTagger

__all__ = ["POSTagger"]
