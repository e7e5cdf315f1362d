"""Predict the sentences of requests that arrive at about the same time in common batches."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass, field
from time import monotonic

from relx.data.example import Example
from relx.errors import RelxError
from relx.predictors.documents import Part

logger = logging.getLogger(__name__)

Work = Callable[[Sequence[Part]], list[Part]]
"""What predicts sentences: one object for each model and choice of scores, so that equal work is done together."""


class OutOfTime(RelxError):
    """A request whose time is over."""


@dataclass(eq=False)
class _Piece:
    work: Work
    parts: Sequence[Part]
    tokens: int
    answers: "Future[list[Part]]" = field(default_factory=Future)
    arrived: float = field(default_factory=monotonic)


class Batcher:
    """Answer requests from one thread, in batches of at most ``max_tokens`` tokens.

    A request waits ``wait`` seconds at most for others to join its batch, and not at all if all requests that are under
    way wait already. A long request is predicted piece by piece, so that others get their turn. ``seen`` gets the
    number of the sentences of each batch.
    """

    def __init__(self, max_tokens: int, wait: float, seen: Callable[[int], None]) -> None:
        self.max_tokens = max_tokens
        self.wait = wait
        self.seen = seen
        self.under_way = 0
        self._waiting: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="relx-batches", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether batches are predicted."""
        return self._thread.is_alive() and not self._stopped

    def enter(self, most: int) -> bool:
        """Count a request as under way; return False, and do not, if there are ``most`` already."""
        with self._changed:
            if self.under_way >= most:
                return False
            self.under_way += 1
            return True

    def leave(self) -> None:
        """Count a request no more."""
        with self._changed:
            self.under_way -= 1
            self._changed.notify_all()

    def answer(self, work: Work, parts: Sequence[Part], deadline: float) -> list[Part]:
        """Return what ``work`` answers, computed together with other requests. Raises OutOfTime at the deadline."""
        answers: list[Part] = []
        for piece in self._pieces(work, parts):
            with self._changed:
                self._waiting.append(piece)
                self._changed.notify_all()
            try:
                answers += piece.answers.result(max(0.0, deadline - monotonic()))
            except (WaitedTooLong, CancelledError):
                piece.answers.cancel()
                raise OutOfTime("the request has timed out") from None
        return answers

    def stop(self) -> None:
        """End the thread after the batch at hand."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _pieces(self, work: Work, parts: Sequence[Part]) -> Iterator[_Piece]:
        start = tokens = 0
        for i, part in enumerate(parts):
            size = len(part) if isinstance(part, Example) else 0
            if i > start and tokens + size > self.max_tokens:
                yield _Piece(work, parts[start:i], tokens)
                start, tokens = i, 0
            tokens += size
        yield _Piece(work, parts[start:], tokens)

    def _run(self) -> None:
        while batch := self._next():
            running = [piece for piece in batch if piece.answers.set_running_or_notify_cancel()]
            if running:
                self.seen(sum(len(piece.parts) for piece in running))
                _predict(running)

    def _next(self) -> list[_Piece]:
        """Wait for pieces of the same work that make a batch; return none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            while self._waiting and not self._stopped:
                first = self._waiting[0]
                left = first.arrived + self.wait - monotonic()
                batch: list[_Piece] = []
                tokens = 0
                for piece in self._waiting:
                    if piece.work is first.work and (not batch or tokens + piece.tokens <= self.max_tokens):
                        batch.append(piece)
                        tokens += piece.tokens
                if left <= 0 or tokens >= self.max_tokens or len(self._waiting) >= self.under_way:
                    chosen = set(batch)
                    self._waiting = deque(piece for piece in self._waiting if piece not in chosen)
                    return batch
                self._changed.wait(left)
            return []


def _predict(pieces: Sequence[_Piece]) -> None:
    """Predict pieces together; if that fails, each by itself, so that one request cannot spoil another."""
    try:
        answers = iter(pieces[0].work([part for piece in pieces for part in piece.parts]))
    except BaseException as error:  # a panic of a library written in Rust is no Exception
        if len(pieces) == 1:
            pieces[0].answers.set_exception(error)
            return
        for piece in pieces:
            _predict([piece])
        return
    for piece in pieces:
        piece.answers.set_result([next(answers) for _ in piece.parts])
