"""Labelled spans of tokens, extracted from many sequences at once."""

from relx.heads.spans.extractor import SpanExtractor, SpanTask
from relx.heads.spans.spans import Spans

__all__ = ["SpanExtractor", "SpanTask", "Spans"]
