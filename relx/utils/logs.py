"""Show the log of relx: for a command always, for a Python program that has not configured logging during a call."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from relx.utils.text import printable_lines

FORMAT = "%(prefix)s%(message)s"
MINUTE = 60.0

logger = logging.getLogger(__name__)

T = TypeVar("T")
Result = TypeVar("Result")


def log_to_stderr() -> None:
    """Show what relx reports about its work, and warnings of other libraries, as long as the process runs."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING, handlers=[_handler()])
    logging.getLogger("relx").setLevel(logging.INFO)


@contextmanager
def visible_log() -> Iterator[None]:
    """Show the log of relx on standard error in the block, unless the program has configured logging."""
    logger = logging.getLogger("relx")
    if logger.hasHandlers() or logger.level != logging.NOTSET:
        yield
        return
    handler = _handler()
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def with_progress(name: str) -> Callable[[Callable[[T], Result], Sequence[T]], Iterable[Result]]:
    """Return a ``map`` over batches that shows its progress: a bar on a terminal, a line every minute elsewhere."""

    def over(function: Callable[[T], Result], batches: Sequence[T]) -> Iterator[Result]:
        from tqdm import tqdm  # noqa: PLC0415  (most programs that log show no bar)

        said = monotonic()
        with tqdm(desc=name, total=len(batches), unit="batch", leave=False, disable=not sys.stderr.isatty()) as bar:
            for number, batch in enumerate(batches, 1):
                yield function(batch)
                bar.update()
                if bar.disable and monotonic() - said >= MINUTE:
                    said = monotonic()
                    logger.info("%s: %s of %s batches", name, f"{number:,}", f"{len(batches):,}")

    return over


def _handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.addFilter(_make_printable)
    return handler


def _make_printable(record: logging.LogRecord) -> bool:
    """Escape what a terminal cannot show, and put the level in front, as in ``error: ...``, from a warning on."""
    record.msg, record.args = printable_lines(record.getMessage()), None
    record.prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
    return True
