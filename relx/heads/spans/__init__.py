"""Labeled spans of tokens, found in many sequences at once: taggers, a classifier, and vectors of spans."""
