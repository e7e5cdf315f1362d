"""Part-of-speech taggers: ``stanza``, ``given``."""

from relx.taggers.tagger import POSTagger

__all__ = ["POSTagger"]
