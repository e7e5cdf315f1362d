"""Predict parts by processes of this machine, and replace a process that dies."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import BaseContext
from pathlib import Path
from traceback import format_exc
from typing import Any

from relx.bulk.plan import AHEAD, Part
from relx.bulk.settings import Settings
from relx.bulk.worker import Worker
from relx.errors import RelxError
from relx.utils.text import counted

logger = logging.getLogger(__name__)

MOST_DEATHS = 2  # in one part, and of processes that load the model; then relx gives up
MOST_GIVEN_UP = 10  # parts: if there are more, a row is not the cause
READY = "ready"
REASON = "if the system ended it for lack of memory, use fewer (--workers)"

Entry = dict[str, Any]


class GivenUp:
    """The parts in which a process died too often."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self.parts: list[Part] = []

    def add(self, part: Part) -> None:
        """Give up a part. Raises RelxError if there are too many."""
        self.parts.append(part)
        if len(self.parts) > MOST_GIVEN_UP:
            self.raise_any("Finished parts stay, and the same command continues the work")

    def raise_any(self, others: str = "All other parts are done, and the same command tries these again") -> None:
        """Raise RelxError that names the parts, if there are any, and says what is with the others."""
        if self.parts:
            raise RelxError("\n".join([
                f"{counted(len(self.parts), 'part')} without predictions, because a prediction process died in each "
                f"{MOST_DEATHS} times; {REASON}:",
                *(f"  {part.name}: {rows_of(part, self.paths)}" for part in sorted(self.parts, key=lambda p: p.number)),
                others,
            ]))  # fmt: skip


def rows_of(part: Part, paths: Sequence[str]) -> str:
    """Return which rows of which file a part has."""
    return f"rows {part.start + 1:,} to {part.start + part.rows:,} of {paths[part.file]}"


def threads_of_each(processes: int, cores: int) -> int:
    """Return the threads of each process: its share of the cores, and at most ``OMP_NUM_THREADS``.

    One process obeys this variable too, so that it makes the threads equal for any number of processes.
    """
    share, most = max(1, cores // processes), os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(most)) if most.isdecimal() and int(most) else share


@contextmanager
def entries_of(
    workers: int, settings: Settings, paths: Sequence[str], parts: Sequence[Part], folder: Path
) -> Iterator[Iterator[Entry]]:
    """Give what is listed of each part as it is done by one of so many processes, which end with the block.

    A process that dies is replaced, and its part is predicted again. A part in which ``MOST_DEATHS`` processes died is
    given up: RelxError names it after all other parts.
    """
    threads = settings.threads or threads_of_each(workers, os.cpu_count() or 1)
    pool = _Pool(replace(settings, threads=threads), paths, parts, folder)
    try:
        yield pool.entries(workers)
    finally:
        pool.end()


class _Process:
    """A process with a model, and the parts that it was given: it is at work on the first one."""

    def __init__(self, context: BaseContext, settings: Settings, paths: Sequence[str], folder: Path) -> None:
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, settings, paths, folder), daemon=True)  # type: ignore[attr-defined]
        self.process.start()
        other.close()  # so that the end of the process ends the connection
        self.ready = False
        self.parts: deque[Part] = deque()

    def give(self, parts: deque[Part]) -> None:
        """Give the process as many of the parts as it may have at once."""
        while self.ready and parts and len(self.parts) < AHEAD:
            self.parts.append(parts.popleft())
            try:
                self.connection.send(self.parts[-1])
            except OSError:  # it has died, which its connection says when it is read
                return


class _Pool:
    def __init__(self, settings: Settings, paths: Sequence[str], parts: Sequence[Part], folder: Path) -> None:
        self.of_process = settings, paths, folder
        self.paths = paths
        self.left = deque(parts)
        self.deaths: dict[Part | None, int] = {}  # None: before the process was ready
        self.given_up = GivenUp(paths)
        self.context = _processes()
        self.processes: dict[Any, _Process] = {}

    def entries(self, workers: int) -> Iterator[Entry]:
        """Yield the entries in the order in which the processes are done."""
        for _ in range(min(workers, len(self.left))):
            self._start()
        while self.left or any(process.parts for process in self.processes.values()):
            for connection in wait_for([*self.processes]):
                process = self.processes[connection]
                try:
                    answer, error, trace = process.connection.recv()
                except (EOFError, OSError):
                    self._replace(process)
                    continue
                if error is not None:
                    raise error from (None if isinstance(error, RelxError) else RuntimeError(trace))
                if answer == READY:
                    process.ready = True
                    self.deaths.pop(None, None)
                else:
                    process.parts.popleft()
                process.give(self.left)
                if answer != READY:
                    yield answer
        self.given_up.raise_any()

    def end(self) -> None:
        """Wait until each process has finished the part that it is at, and has ended."""
        for process in self.processes.values():
            process.connection.close()
        for process in self.processes.values():
            process.process.join()

    def _start(self) -> None:
        process = _Process(self.context, *self.of_process)
        self.processes[process.connection] = process

    def _replace(self, process: _Process) -> None:
        """Start another process for one that has died, and put its parts in front of those that are left.

        Raises RelxError if the processes die before they can begin.
        """
        del self.processes[process.connection]
        process.connection.close()
        process.process.join()
        if process.ready and not process.parts:
            return  # nothing is left for it
        part = process.parts[0] if process.parts else None
        self.deaths[part] = self.deaths.get(part, 0) + 1
        self.left.extendleft(reversed(process.parts))
        code = process.process.exitcode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        where = "before it predicted" if part is None else f"in {rows_of(part, self.paths)}"
        if self.deaths[part] < MOST_DEATHS:
            logger.warning("a prediction process died (%s) %s; relx starts another", how, where)
        elif part is None:
            raise RelxError(f"prediction processes die ({how}) before they predict; {REASON}. Finished parts stay")
        else:
            logger.warning("a prediction process died again (%s) %s; relx gives this part up", how, where)
            self.left.remove(part)
            self.given_up.add(part)
        if self.left:
            self._start()


def _processes() -> BaseContext:
    """Return how processes start: forks of a server that has imported torch and has no threads, where there are any."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["relx.bulk.worker"])
    return forks


def _serve(connection: Connection, settings: Settings, paths: Sequence[str], folder: Path) -> None:
    """Predict the parts that come, in a process that ends when the one that started it does, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: wait_for([parent.sentinel]) and os._exit(1), daemon=True).start()
    answer: str | Entry = READY
    try:
        worker = Worker(settings, paths)
        while True:
            connection.send((answer, None, ""))
            answer = worker(connection.recv(), folder)
    except (EOFError, ConnectionError):
        return  # nobody waits for more
    except Exception as error:
        connection.send((None, error, format_exc()))
