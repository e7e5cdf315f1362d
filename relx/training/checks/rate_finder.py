"""Run the learning-rate range test (Smith 2017, section 3.3): the loss while the rate grows."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from relx.data.batch import TensorDataset
from relx.errors import ConfigError
from relx.training.checks.dry_run import DryRun
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.optim.schedules import Schedule
from relx.training.preparation import training_sentences
from relx.training.train_step import BadLoss, TrainStep

SMOOTHING = 0.9
# The average of the first few losses is still mostly chance.
SETTLED = 10
# A smoothed loss this many times the lowest one has left the valley for good.
DIVERGED = 4.0


@dataclass(frozen=True)
class RangeTest:
    """The learning rate and the loss of each step, until the loss diverged or the last rate was reached."""

    rates: list[float]
    losses: list[float]
    diverged: bool

    @property
    def smoothed(self) -> list[float]:
        """The moving average of the losses over about 10 steps, corrected for its start."""
        return list(_smoothed(self.losses))

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest, as the rate doubles."""
        settled = min(SETTLED, len(self.rates) // 2)
        slopes = np.gradient(self.smoothed, np.log(self.rates))[settled:]
        return self.rates[settled + int(np.argmin(slopes))]

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest; it is usually too high already."""
        return self.rates[int(np.argmin(self.smoothed))]


def find_rate(experiment: Experiment, low: float, high: float, steps: int, distributed: Distributed) -> RangeTest:
    """Train the model of an experiment for so many steps, each with a learning rate higher by the same factor.

    The rates of parameter groups keep their ratio to the optimizer's own. Nothing is kept of the model. Raises
    ConfigError when the rates leave nothing to see, else as training does.
    """
    if not 0 < low < high or steps < 10:
        raise ConfigError("expected rates above 0, the low one below the high one, and at least 10 steps")
    run = DryRun(experiment, distributed)
    dataset, train_step = run.dataset(training_sentences(run.data)), run.train_step(total=steps)
    train_step.schedule = growth = _Growth(low, high, train_step.optimizer.defaults["lr"])
    batches = _batches(experiment, dataset)
    plan = (list(itertools.islice(batches, experiment.trainer.gradient_accumulation_steps)) for _ in range(steps))
    losses, diverged = _losses(train_step, dataset, plan)
    if len(losses) < 2:
        raise ConfigError(f"the loss is not finite at a rate of {low:g} already; try a lower --low")
    return RangeTest([growth.rate(step, steps) for step in range(len(losses))], losses, diverged)


class _Growth(Schedule):
    """Grow from one rate to another by equal factors; ``own`` is the rate of the optimizer."""

    def __init__(self, low: float, high: float, own: float) -> None:
        super().__init__()
        self.low, self.high, self.own = low, high, own

    def rate(self, step: int, total: int) -> float:
        return self.low * (self.high / self.low) ** (step / (total - 1))

    def factor(self, step: int, total: int) -> float:
        return self.rate(step, total) / self.own


def _batches(experiment: Experiment, dataset: TensorDataset) -> Iterator[np.ndarray]:
    """Yield batches of sentences of mixed length, whose losses differ less than those of training, without end."""
    for epoch in itertools.count():
        yield from experiment.loader.mixed(dataset.costs, experiment.seed, epoch)


def _losses(
    train_step: TrainStep, dataset: TensorDataset, steps: Iterable[list[np.ndarray]]
) -> tuple[list[float], bool]:
    """Return the loss of each step until it diverged, and whether it did."""
    losses: list[float] = []
    for number, batches in enumerate(steps):
        try:
            losses.append(train_step.on_batches(number, dataset, batches).loss)
        except BadLoss:
            return losses, True
        smoothed = list(_smoothed(losses))
        if smoothed[-1] > DIVERGED * min(smoothed):
            return losses, True
    return losses, False


def _smoothed(losses: list[float]) -> Iterator[float]:
    average = 0.0
    for number, loss in enumerate(losses, 1):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        yield average / (1 - math.pow(SMOOTHING, number))
