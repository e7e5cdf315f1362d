"""The tests that relx has for every head, applied to this one: ``pytest`` in this folder runs them."""

import relx_linear_tags  # noqa: F401  (registers the head)

from relx.testing import HeadTestCase


class TestLinearTags(HeadTestCase):
    head = {"type": "linear_tags"}
