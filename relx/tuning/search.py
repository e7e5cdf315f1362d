"""The search itself: Optuna proposes values, trials try them, and each is on disk before the next one begins."""

import json
import logging
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from relx.comparison.reports import Report, read_reports
from relx.comparison.runs import finished_runs
from relx.errors import DataError, TrainingError
from relx.training.checkpointing.run_folder import differences
from relx.training.interrupts import Interrupts
from relx.tuning.space import Space, Value, assignments
from relx.utils.files import atomic_write
from relx.utils.folder_lock import LOCK, inherited, locked, note_process

SEARCH = "search.json"


def claim(folder: Path, search: dict[str, Any]) -> None:
    """Make the folder of a search, or take up the one that is there.

    Raises TrainingError when it cannot be made, holds something else, or another search.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = any(file.name != LOCK for file in folder.iterdir())
        before = json.loads((folder / SEARCH).read_bytes()) if present else None
    except FileNotFoundError:
        raise TrainingError(f"{folder}: holds no search to continue; choose another folder (-s)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(f"{folder}: cannot be used as output folder: {error}") from None
    if before is None:
        with atomic_write(folder / SEARCH) as file:
            json.dump(search, file, indent=2)
    elif found := differences(before, search):
        listed = "".join(f"\n  {difference}" for difference in found)
        raise TrainingError(f"{folder}: was begun with another search:{listed}\nUndo this, or choose another folder")


PROGRAM = (sys.executable, "-m", "relx", "train")
ATTEMPTS = 2
INTERRUPTED = 130
PAUSE = 0.3

Watch = Callable[[int, float], bool]
"""Given the number and the value of each report, return whether to give up the trial."""


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
        """Run the trial, or the rest of it. A killed trial is resumed once.

        An interrupt is passed on to the process, and raised after the process has saved its state.
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
        """The output of the process."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def _attempt(self, lock: TextIO, interrupts: Interrupts) -> int | None:
        """Return the exit code (negative for a killed process), or None if the search gave up the trial."""
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
        seen = 0
        while process.poll() is None:
            interrupts.raise_requested()
            time.sleep(PAUSE)
            for number, report in enumerate(self._reports()[seen:], seen + 1):
                seen = number
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


logger = logging.getLogger(__name__)

STORAGE, BEST = "trials.sqlite3", "best.sh"
DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
# The test set has no say in a search, so a trial does not even look at it.
UNTESTED = ("-o", "test_data_path=null")
# The number of the first report by which a trial is judged; the ones before say little.
FIRST_LOOK = 3


@dataclass(frozen=True)
class Search:
    """What to search for: the values of ``space`` with the highest ``metric`` on the validation set.

    ``arguments`` are those of ``relx train``, the experiment first; a trial adds its values. The values of a trial are
    a function of ``seed``, its number and the trials before, so that a search that was killed ends as any other. With
    ``prune``, a trial is given up that does worse than half of those before it (Golovin et al. 2017).
    """

    folder: Path
    arguments: Sequence[str]
    space: Space
    metric: str
    seed: int
    prune: bool

    def run(self, trials: int) -> str:
        """Run trials until there are ``trials`` of them, and return the command that trains with the best values.

        Raises TrainingError if another search runs in the folder, and if no trial has succeeded. An interrupt is raised
        only while no file is partly written.
        """
        with locked(self.folder) as lock, Interrupts() as interrupts:
            study = self._study()
            while len(study.get_trials(deepcopy=False, states=DONE)) < trials:
                interrupts.raise_requested()
                self._try(study, lock, interrupts)
                self._write_best(study)
            best = self._write_best(study)
        if best is None:
            raise TrainingError(f"{self.folder}: no trial has succeeded; see trial_*.log")
        return best

    def _study(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner: BasePruner = MedianPruner(n_warmup_steps=FIRST_LOOK) if self.prune else NopPruner()
        return optuna.create_study(
            storage=f"sqlite:///{self.folder / STORAGE}",
            study_name="relx",
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )

    def _try(self, study: optuna.Study, lock: TextIO, interrupts: Interrupts) -> None:
        trial = self._next(study)
        number, values = trial.number, dict(trial.params)
        logger.info("trial %d: %s", number, " ".join(assignments(values)))
        run = Trial(self.folder / f"trial_{number}", [*self._with(values), *UNTESTED], self.metric, _judge(trial))
        outcome = run.carry_out(lock, interrupts)
        if outcome.value is None:
            study.tell(number, state=TrialState.FAIL)
            logger.warning("trial %d: failed; the last lines of %s say why", number, run.log)
        elif outcome.pruned:
            study.tell(number, state=TrialState.PRUNED)
            logger.info("trial %d: pruned at %s %.1f", number, self.metric, 100 * outcome.value)
        else:
            study.tell(number, outcome.value)
            star = "  *" if study.best_trial.number == number else ""
            logger.info("trial %d: %s %.1f%s", number, self.metric, 100 * outcome.value, star)

    def _next(self, study: optuna.Study) -> optuna.Trial:
        """Return the interrupted trial, or a new one."""
        for begun in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if begun.params.keys() == self.space.keys():
                return optuna.Trial(study, begun._trial_id)
            study.tell(begun.number, state=TrialState.FAIL)  # killed before it had its values
        made = len(study.get_trials(deepcopy=False))
        study.sampler = TPESampler(seed=int(np.random.SeedSequence((self.seed, made)).generate_state(1)[0]))
        return study.ask(self.space)

    def _with(self, values: dict[str, Value]) -> list[str]:
        return [*self.arguments, *(word for text in assignments(values) for word in ("--var", text))]

    def _write_best(self, study: optuna.Study) -> str | None:
        """Return the command that trains with the best values so far, and write it to a file."""
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return None
        best = study.best_trial
        command = shlex.join(["relx", "train", *self._with(best.params)])
        with atomic_write(self.folder / BEST) as file:
            file.write(f"# trial_{best.number}: {self.metric} {100 * study.best_value:.1f} on validation\n{command}\n")
        return command


def _judge(trial: optuna.Trial) -> Watch:
    """Pass each new report of a trial to Optuna, and ask Optuna whether to give up the trial."""
    known = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def is_hopeless(report: int, value: float) -> bool:
        if report not in known:
            known.add(report)
            trial.report(value, report)
        return trial.should_prune()

    return is_hopeless
