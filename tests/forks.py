"""Processes of their own that need not import torch: a server that has imported it forks each of them."""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, TextIO

import torch

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["relx.training.experiment", "relx.predictors"])
Target = int | IO[str]
Program = Callable[[list[str]], int]  # relx, pytest or python: the arguments, and the exit code


def python(arguments: list[str]) -> int:
    """``python -c CODE ARGUMENT ...``, with torch and relx imported already."""
    code, *sys.argv[1:] = arguments
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    return 0


def script(arguments: list[str]) -> int:
    """``python FILE ARGUMENT ...``, likewise."""
    sys.argv[:] = arguments
    runpy.run_path(arguments[0], run_name="__main__")
    return 0


class Forked:
    """Such a process, with the part of ``subprocess.Popen`` that tests use."""

    def __init__(
        self,
        program: Program,
        arguments: list[str],
        stdout: Target,
        stderr: Target,
        environment: dict[str, str],
        cwd: str,
    ) -> None:
        (self.stdout, out), (self.stderr, err) = _ends(stdout), _ends(stderr)
        self.process = FORKS.Process(target=_become, args=(program, arguments, out, err, environment, cwd))
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
            raise subprocess.TimeoutExpired("the process", timeout)
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


def _become(
    program: Program, arguments: list[str], out: Connection, err: Connection, environment: dict[str, str], cwd: str
) -> None:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    given = environment.get("PYTHONPATH")
    tests = Path(__file__).parent
    path = [folder for folder in sys.path if tests not in (Path(folder), *Path(folder).parents)]
    sys.path[:] = ["", *(given.split(os.pathsep) if given else ()), *path]  # as `python -m` has it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    sys.exit(program(arguments))
