"""Test cases for the authors of components: a subclass, or one call, tests what relx asks of every component."""

from relx.testing.head import HeadTestCase
from relx.testing.model import SENTENCES, ModelTestCase
from relx.testing.parts import EmbedderTestCase, Seq2SeqEncoderTestCase, Seq2VecEncoderTestCase

__all__ = [
    "SENTENCES",
    "EmbedderTestCase",
    "HeadTestCase",
    "ModelTestCase",
    "Seq2SeqEncoderTestCase",
    "Seq2VecEncoderTestCase",
]
