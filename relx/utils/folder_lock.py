"""Lock a folder for one process at a time; the operating system releases the lock of a process that ends."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from relx.errors import TrainingError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept from working in one folder twice
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[TextIO]:
    """While entered, no other process can enter for this folder; the processes that inherit the file stay inside.

    The folder has to be there. The file ``.lock`` stays in it and says who was last at work; it locks nothing by
    itself. Raises TrainingError when another process is inside, and when the file cannot be written.
    """
    with _opened(folder) as lock:
        _enter(lock, folder)
        note_process(lock, os.getpid())
        yield lock


def inherited(lock: TextIO) -> tuple[int, ...]:
    """Return the file descriptors that a child process must inherit to keep the lock."""
    return (lock.fileno(),) if fcntl is not None else ()


def note_process(lock: TextIO, number: int) -> None:
    """Write which process holds the lock. Raises TrainingError when the disk is full."""
    try:
        os.truncate(lock.fileno(), 0)
        os.write(lock.fileno(), f"process {number} on {socket.gethostname()}".encode())
    except OSError as error:
        raise TrainingError(f"{lock.name}: cannot be written: {error.strerror}") from None


def _opened(folder: Path) -> TextIO:
    try:
        return open(folder / LOCK, "a+", encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be used as output folder: {error.strerror}") from None


def _enter(lock: TextIO, folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise TrainingError(
            f"{folder}: another relx is working here ({lock.read()}); wait for it to end, or choose another folder"
        ) from None
    except OSError as error:
        logger.warning("%s: cannot be locked (%s); make sure that only one relx works in it", folder, error.strerror)
