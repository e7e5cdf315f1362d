"""Encoders: sequences to sequences (``seq2seq``), sequences to vectors (``seq2vec``)."""
