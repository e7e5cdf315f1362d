"""``relx`` as a process of its own that need not import torch: a server that has imported it forks each of them."""

import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import IO, TextIO

import torch

from relx.commands import main

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["relx.training.experiment", "relx.predictors"])
Target = int | IO[str]


class Forked:
    """Such a process, with the part of ``subprocess.Popen`` that tests use."""

    def __init__(
        self, arguments: list[str], stdout: Target, stderr: Target, environment: dict[str, str], cwd: str
    ) -> None:
        (self.stdout, out), (self.stderr, err) = _ends(stdout), _ends(stderr)
        self.process = FORKS.Process(target=_become_relx, args=(arguments, out, err, environment, cwd))
        self.process.start()
        out.close()
        err.close()
        self.pid: int = self.process.pid  # type: ignore[assignment]

    @property
    def returncode(self) -> int | None:
        """The exit code, a negative number for a signal; None while the process lives."""
        return self.process.exitcode

    def wait(self, timeout: float = 200) -> int:
        """Wait for the end and return the exit code."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("relx", timeout)
        return self.process.exitcode

    def communicate(self, timeout: float = 200) -> tuple[str, str]:
        """Return what is left of both streams at the end."""
        with ThreadPoolExecutor(2) as pool:
            out, err = pool.map(_rest, (self.stdout, self.stderr))
        self.wait(timeout)
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process if it lives."""
        self.send_signal(signal.SIGKILL)


def _ends(target: Target) -> tuple[TextIO | None, Connection]:
    """What is read here, if anything, and what the process writes to."""
    if target == subprocess.DEVNULL:
        return None, Connection(os.open(os.devnull, os.O_WRONLY), readable=False)
    if target != subprocess.PIPE:
        return None, Connection(os.dup(target if isinstance(target, int) else target.fileno()), readable=False)
    reading, writing = os.pipe()
    return open(reading, encoding="utf-8"), Connection(writing, readable=False)


def _rest(stream: TextIO | None) -> str:
    if stream is None or stream.closed:
        return ""
    with stream:
        return stream.read()


def _become_relx(arguments: list[str], out: Connection, err: Connection, environment: dict[str, str], cwd: str) -> None:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path.insert(0, "")  # as `python -m relx` has it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    sys.exit(main(arguments))
