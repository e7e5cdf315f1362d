"""Handle Ctrl-C during training, or the SIGTERM of a batch system: finish the step and save."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

logger = logging.getLogger(__name__)

ECHO = 3.0


class Interrupts:
    """While entered, the first SIGINT or SIGTERM only sets ``requested``; the second one interrupts as usual.

    With ``echoed`` a signal within three seconds of the first one is ignored, also after the end: the launcher of
    several processes repeats what the terminal has already sent them.
    """

    def __init__(self, echoed: bool = False) -> None:
        self.requested = False
        self.echo = ECHO if echoed else 0.0
        self._ignored_until = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def raise_requested(self) -> None:
        """Raise KeyboardInterrupt if one was requested; call this where it does no harm."""
        if self.requested:
            raise KeyboardInterrupt

    def __enter__(self) -> "Interrupts":
        if _in_main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not (self.requested and self.echo):
            self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            self._ignored_until = time.monotonic() + self.echo
            logger.warning("interrupted: finishing the step and saving; interrupt again to stop at once")
        elif time.monotonic() >= self._ignored_until:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)
        self._before = {}


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """While entered, SIGTERM raises KeyboardInterrupt as Ctrl-C does, so that it too passes through ``finally``."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if _in_main_thread() else None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
