"""Transformers that predict in bfloat16 or int8, where measurements on validation data allow it."""
