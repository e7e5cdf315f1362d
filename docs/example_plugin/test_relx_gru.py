"""The tests that relx has for every encoder, asked of this one: ``pytest`` in this folder runs them."""

import relx_gru  # noqa: F401  (registers the encoder)

from relx.testing import Seq2SeqEncoderTestCase


class TestGRU(Seq2SeqEncoderTestCase):
    encoder = {"type": "gru", "hidden_size": 6, "layers": 2}
