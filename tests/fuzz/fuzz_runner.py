"""What the scripts ``reliability_*.py`` share: many attempts in a child process, each with a time limit, and a count.

An attempt is a function of its number that says how it ended. Whatever it raises, a time limit that passes and a child
that dies are faults. A fault is shown with the number of its attempt, which ``--only NUMBER`` repeats alone.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from relx import commands

Attempt = Callable[[int], str]
FAULT = "FAULT"
MEMORY = 8 * 2**30
# A child is replaced now and then, so that what one attempt left behind cannot pass unseen through all others.
ATTEMPTS_OF_A_CHILD = 250


@dataclass(frozen=True)
class Ended:
    """How a command line ended: its exit code, the class of the error it reported, and what it printed."""

    code: int
    error: str | None
    out: str
    err: str


def command(*arguments: object) -> Ended:
    """Run a command line of relx in this process. Raises whatever escapes it."""
    out, err, errors = io.StringIO(), io.StringIO(), list[str]()
    report = commands._report

    def noting(error: Any, debug: bool) -> int:
        errors.append(type(error).__name__)
        return report(error, debug)

    commands._report = noting
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = commands.main(list(map(str, arguments)))
    except SystemExit as exit:
        code = int(exit.code or 0)
    finally:
        commands._report = report
    return Ended(code, errors[0] if errors else None, out.getvalue(), err.getvalue())


def outcome_of(ended: Ended) -> str:
    """``valid``, or the class of the error that was reported. Raises AssertionError for an end that is neither."""
    assert "Traceback" not in ended.err, ended.err
    if ended.code == 0:
        return "valid"
    assert ended.code == 2 and ended.error is not None, f"code {ended.code}: {ended.err}"
    assert "error: " in ended.err.splitlines()[-1] or "error: " in ended.err, ended.err
    return ended.error


def outcomes(attempt: Attempt, numbers: range, limit: float) -> Iterator[tuple[int, str]]:
    """The number and the end of each attempt; those that end badly begin with FAULT."""
    todo = list(numbers)
    while todo:
        part = todo[:ATTEMPTS_OF_A_CHILD]
        done = 0
        for number, end in zip(part, _child(attempt, part, limit), strict=False):
            yield number, end
            done += 1
        todo = todo[done:]


def _child(attempt: Attempt, numbers: list[int], limit: float) -> Iterator[str]:
    """The ends of these attempts, up to the first one that the child did not survive."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_work, args=(attempt, numbers, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        for _ in numbers:
            if not ours.poll(limit):
                yield f"{FAULT}: no end after {limit:.0f} s"
                return
            try:
                yield ours.recv()
            except EOFError:
                child.join()
                yield f"{FAULT}: the process died (exit code {child.exitcode})"
                return
    finally:
        child.kill()
        child.join()


def _work(attempt: Attempt, numbers: list[int], connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in numbers:
        try:
            end = attempt(number)
        except BaseException:  # a KeyboardInterrupt or a SystemExit that escapes is a fault too
            end = f"{FAULT}: {traceback.format_exc()}"
        connection.send(end)


def arguments(doc: str | None, count: int) -> argparse.Namespace:
    """The command line of such a script."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--count", type=int, default=count, help="how many attempts (default: %(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this attempt alone, with what it does")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for an attempt (default: %(default)s)")
    return parser.parse_args()


def run(attempt: Attempt, given: argparse.Namespace) -> int:
    """Make all attempts, print how they ended, and return 1 if one of them is a fault."""
    numbers = range(given.count) if given.only is None else range(given.only, given.only + 1)
    ends: Counter[str] = Counter()
    for number, end in outcomes(attempt, numbers, given.limit):
        ends[FAULT if end.startswith(FAULT) else end] += 1
        if end.startswith(FAULT):
            print(f"{number}: {end}", flush=True)
        if sys.stderr.isatty():
            print(f"\r{number + 1}", end="", file=sys.stderr)
    print(json.dumps(dict(ends.most_common()), indent=2))
    return 1 if ends[FAULT] else 0
