"""The folder of a search: what was searched, and who is at work in it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from relx.errors import TrainingError
from relx.files import atomic_write
from relx.training.differences import differences

try:
    import fcntl
except ImportError:  # Windows: nobody is kept from working in one folder twice
    fcntl = None  # type: ignore[assignment]

SEARCH, LOCK = "search.json", "lock"


def claim(folder: Path, search: dict[str, Any]) -> None:
    """Make the folder of a search, or take up the one that is there.

    Raises TrainingError when it cannot be made, holds something else, or another search.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = any(file.name != LOCK for file in folder.iterdir())
        before = json.loads((folder / SEARCH).read_bytes()) if present else None
    except FileNotFoundError:
        raise TrainingError(f"{folder}: holds no search to go on with; choose another folder (-s)") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder}: cannot be used as output folder: {error}") from None
    if before is None:
        with atomic_write(folder / SEARCH) as file:
            json.dump(search, file, indent=2)
    elif found := differences(before, search):
        listed = "".join(f"\n  {difference}" for difference in found)
        raise TrainingError(
            f"{folder}: was begun with another search:{listed}\nTake this back, or choose another folder"
        )


@contextmanager
def locked(folder: Path) -> Iterator[TextIO]:
    """While entered, no other process can enter for this folder; the processes that inherit the file stay inside.

    Raises TrainingError when another one is inside, which may be a trial that outlived its search.
    """
    with open(folder / LOCK, "a+", encoding="utf-8") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                raise TrainingError(
                    f"{folder}: another relx tune, or a trial that outlived one, is at work here (process "
                    f"{lock.read().strip()}); wait for it to end"
                ) from None
        note_process(lock, os.getpid())
        yield lock


def inherited(lock: TextIO) -> tuple[int, ...]:
    """What a process has to inherit to stay inside."""
    return (lock.fileno(),) if fcntl is not None else ()


def note_process(lock: TextIO, number: int) -> None:
    """Write down who is at work."""
    lock.truncate(0)
    lock.write(str(number))
    lock.flush()
