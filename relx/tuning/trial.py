"""One trial of a search: a run of ``relx train`` in a process of its own, which may be killed and goes on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from relx.comparison.reports import Report, read_reports
from relx.comparison.runs import finished_runs
from relx.errors import DataError
from relx.training.folder_lock import inherited, note_process
from relx.training.interrupts import Interrupts

PROGRAM = (sys.executable, "-m", "relx", "train")
ATTEMPTS = 2
INTERRUPTED = 130
PAUSE = 0.3

Watch = Callable[[int, float], bool]
"""Is told the number and the value of each report, and says whether to give the trial up."""


@dataclass(frozen=True)
class Outcome:
    """The best value that a trial reported, None when it failed; ``pruned`` ones were given up before their end."""

    value: float | None
    pruned: bool = False


@dataclass(frozen=True)
class Trial:
    """A run in a folder of its own; ``arguments`` are those of ``relx train`` but for the folder."""

    folder: Path
    arguments: Sequence[str]
    metric: str
    watch: Watch

    def carry_out(self, lock: TextIO, interrupts: Interrupts) -> Outcome:
        """Do it, or what is left of it. One that is killed is taken up again, once.

        An interrupt is passed on to the process, and raised when that has saved what it has.
        """
        for _ in range(ATTEMPTS):
            if self._is_finished():
                break
            code = self._attempt(lock, interrupts)
            if code is None:
                return Outcome(self._best(), pruned=True)
            if 0 < code != INTERRUPTED:
                break
        return Outcome(self._best() if self._is_finished() else None)

    @property
    def log(self) -> Path:
        """What the process said."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def _attempt(self, lock: TextIO, interrupts: Interrupts) -> int | None:
        """The exit code, negative for a process that was killed; None for one that was given up."""
        command = [*PROGRAM, *self.arguments, "-s", str(self.folder), "--recover"]
        with open(self.log, "a", encoding="utf-8") as log:
            # In a session of its own it is not interrupted twice, by the terminal and by us. With the lock in its hands
            # it keeps others away even if this process is killed.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                pass_fds=inherited(lock),
            )  # fmt: skip
        note_process(lock, process.pid)
        try:
            return self._follow(process, interrupts)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise

    def _follow(self, process: "subprocess.Popen[bytes]", interrupts: Interrupts) -> int | None:
        told = 0
        while process.poll() is None:
            interrupts.raise_requested()
            time.sleep(PAUSE)
            for number, report in enumerate(self._reports()[told:], told + 1):
                told = number
                if self.watch(number, report.metrics[self.metric]):
                    process.send_signal(signal.SIGTERM)
                    process.wait()
                    return None
        return process.returncode

    def _is_finished(self) -> bool:
        try:
            return bool(finished_runs(self.folder))
        except DataError:
            return False

    def _reports(self) -> list[Report]:
        try:
            return read_reports(self.folder)
        except DataError:
            return []

    def _best(self) -> float | None:
        return max((report.metrics[self.metric] for report in self._reports()), default=None)
