"""The search itself: Optuna proposes values, trials try them, and each is on disk before the next one begins."""

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from relx.errors import TrainingError
from relx.files import atomic_write
from relx.training.folder_lock import locked
from relx.training.interrupts import Interrupts
from relx.tuning.space import Space, Value, assignments
from relx.tuning.trial import Trial, Watch

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
        """Go on until there are so many trials; returns the command that trains with the best values.

        Raises TrainingError when another search is at work in the folder, and when no trial has succeeded. An interrupt
        is raised where nothing is half written.
        """
        with locked(self.folder) as lock, Interrupts() as interrupts:
            study = self._study()
            while len(study.get_trials(deepcopy=False, states=DONE)) < trials:
                interrupts.raise_requested()
                self._try(study, lock, interrupts)
                self._write_best(study)
            best = self._write_best(study)
        if best is None:
            raise TrainingError(f"{self.folder}: no trial has succeeded; trial_*.log say why")
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
            logger.info("trial %d: given up at %s %.1f", number, self.metric, 100 * outcome.value)
        else:
            study.tell(number, outcome.value)
            star = "  *" if study.best_trial.number == number else ""
            logger.info("trial %d: %s %.1f%s", number, self.metric, 100 * outcome.value, star)

    def _next(self, study: optuna.Study) -> optuna.Trial:
        """The trial that was cut short, or a new one."""
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
        """The command that trains with the best values so far; also left in a file."""
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return None
        best = study.best_trial
        command = shlex.join(["relx", "train", *self._with(best.params)])
        with atomic_write(self.folder / BEST) as file:
            file.write(f"# trial_{best.number}: {self.metric} {100 * study.best_value:.1f} on validation\n{command}\n")
        return command


def _judge(trial: optuna.Trial) -> Watch:
    """Tells Optuna each report of a trial that it does not know yet, and asks whether to give it up."""
    known = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def is_hopeless(report: int, value: float) -> bool:
        if report not in known:
            known.add(report)
            trial.report(value, report)
        return trial.should_prune()

    return is_hopeless
