"""Annotators: tokenizers, part-of-speech taggers, dependency parsers, and the cache of their results."""
