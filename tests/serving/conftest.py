"""A server that several files of tests ask."""

from collections.abc import Iterator

import pytest
from servers import Running, serving


@pytest.fixture(scope="session")
def server(archive: str) -> Iterator[Running]:
    limits = ["--max-body", 10_000, "--max-sentences", 20, "--max-tokens", 200]
    with serving(f"one={archive}", f"two={archive}", *limits, "--cors", "https://friend.example") as running:
        yield running
