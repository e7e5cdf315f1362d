"""Common batches of several requests."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

pytest.importorskip("fastapi")

from relx.data.example import Example
from relx.predictors.documents import Part
from relx.serving.batching import Batcher, OutOfTime

FAR = 1e9


class Work:
    """Returns the sentences, and keeps the sizes of the batches; waits at the gate."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, parts: Sequence[Part]) -> list[Part]:
        self.gate.wait(10)
        self.sizes.append(len(parts))
        if any(isinstance(part, Example) and part.tokens == ["bad"] for part in parts):
            raise KeyError("bad")
        return list(parts)


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    made = Batcher(10, 0.05, lambda count: None)
    yield made
    made.stop()


def sentence(*tokens: str) -> list[Part]:
    return [Example(list(tokens))]


def ask(batcher: Batcher, work: Work, requests: Sequence[list[Part]]) -> list[list[Part]]:
    """The answers to requests that come at the same time, while another one is predicted."""
    work.gate.clear()
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        for _ in range(len(requests) + 1):
            batcher.enter(100)
        first = pool.submit(batcher.answer, work, sentence("first"), FAR)
        while batcher._waiting:
            pass
        asked = [pool.submit(batcher.answer, work, parts, FAR) for parts in requests]
        while len(batcher._waiting) < len(requests):
            pass
        work.gate.set()
        first.result()
        return [future.result() for future in asked]


def test_requests_share_batches_within_the_budget(batcher: Batcher) -> None:
    work = Work()
    requests = [sentence(*(f"{i}" * 4)) for i in range(5)]
    assert ask(batcher, work, requests) == requests
    assert work.sizes == [1, 2, 2, 1]


def test_a_request_that_fails_spoils_no_other(batcher: Batcher) -> None:
    work = Work()
    with pytest.raises(KeyError):
        ask(batcher, work, [sentence("bad"), sentence("good")])
    assert work.sizes == [1, 2, 1, 1]


def test_other_work_is_another_batch(batcher: Batcher) -> None:
    one, two = Work(), Work()
    with ThreadPoolExecutor(2) as pool:
        batcher.enter(2), batcher.enter(2)
        found = [pool.submit(batcher.answer, work, sentence("x"), FAR) for work in (one, two)]
        assert [future.result() for future in found] == [sentence("x")] * 2
    assert one.sizes == two.sizes == [1]


def test_a_long_request_is_answered_in_pieces_and_an_empty_one_at_once(batcher: Batcher) -> None:
    work = Work()
    batcher.enter(1)
    parts: list[Part] = [Example(["x"] * 4) for _ in range(5)] + [Example(["x"] * 40)]
    assert batcher.answer(work, parts, FAR) == parts
    assert work.sizes == [2, 2, 1, 1]


def test_the_time_of_a_request_ends_and_its_place_is_free(batcher: Batcher) -> None:
    work = Work()
    work.gate.clear()
    assert batcher.enter(1) and not batcher.enter(1)
    with pytest.raises(OutOfTime):
        batcher.answer(work, sentence("x"), monotonic() + 0.1)
    batcher.leave()
    assert batcher.enter(1)
    work.gate.set()


def test_a_lone_request_does_not_wait_for_others() -> None:
    batcher = Batcher(10, 30.0, lambda count: None)
    batcher.enter(1)
    assert batcher.answer(Work(), sentence("x"), monotonic() + 20) == sentence("x")
    batcher.stop()
    assert not batcher.alive
