"""Show the log of relx: for a command always, for a Python program that has not configured logging during a call."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from relx.utils.text import printable_lines

FORMAT = "%(prefix)s%(message)s"


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


def _handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.addFilter(_make_printable)
    return handler


def _make_printable(record: logging.LogRecord) -> bool:
    """Escape what a terminal cannot show, and put the level in front, as in ``error: ...``, from a warning on."""
    record.msg, record.args = printable_lines(record.getMessage()), None
    record.prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
    return True
