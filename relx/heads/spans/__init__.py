"""Labelled spans of tokens, extracted from many sequences at once."""

from relx.heads.spans.spans import Spans
from relx.heads.spans.tagger import SpanTagger, SpanTask

__all__ = ["SpanTagger", "SpanTask", "Spans"]
