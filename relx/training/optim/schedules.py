"""Learning-rate schedules: what the rates of an optimizer are multiplied by at each step."""

import logging
import math
from typing import Any, ClassVar

from torch.optim import Optimizer as TorchOptimizer

from relx.registry import Registrable
from relx.utils.argument_checks import require_inner_shares

logger = logging.getLogger(__name__)


class Schedule(Registrable, kind="schedule"):
    """A factor between 0 and 1 for each step of a run: it multiplies the learning rate of every parameter group.

    ``warmup`` is a share of the run when it is below 1 and a number of steps otherwise. During warm-up the factor grows
    evenly, n / warm-up at the n-th step (Goyal et al. 2017, section 2.2), so that no step is wasted on a rate of 0;
    ``after_warmup`` says what follows. Raises ValueError for a warm-up that is negative or no whole number of steps.
    """

    watches_validation: ClassVar[bool] = False
    """Whether the factor depends on the validation metric, and the run thus needs a validation set."""

    def __init__(self, warmup: float = 0.0) -> None:
        if warmup < 0 or (warmup >= 1 and not float(warmup).is_integer()):
            raise ValueError(f"warmup is {warmup}; it is a share of the run below 1, or a whole number of steps")
        self.warmup = warmup

    def factor(self, step: int, total: int) -> float:
        """The factor of a step; ``step`` counts those taken before it, ``total`` those that the whole run will take."""
        warmup = self.warmup_steps(total)
        return (step + 1) / warmup if step < warmup else self.after_warmup(step, warmup, total)

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """The factor of a step that follows ``warmup`` others of warm-up."""
        raise NotImplementedError

    def warmup_steps(self, total: int) -> int:
        """The number of steps of warm-up in a run of ``total`` steps."""
        return int(self.warmup) if self.warmup >= 1 else round(self.warmup * total)

    def warn_of_long_warmup(self, total: int) -> None:
        """Log a warning where a run of ``total`` steps does not reach the end of the warm-up."""
        if self.warmup > total:
            logger.warning(
                "trainer.schedule.warmup is %d steps, but the run has only %d: the learning rate never rises above "
                "%.3g of its value; choose a shorter warm-up, or a share of the run such as 0.1",
                self.warmup, total, self.factor(total - 1, total),
            )  # fmt: skip

    def observe(self, metric: float) -> None:
        """Take note of a validation metric, of which more is better."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know, as plain values; nothing for a function of the step alone."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""


@Schedule.register("constant")
class ConstantSchedule(Schedule):
    """The learning rate as it is, after a warm-up if there is one."""

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """1."""
        return 1.0


@Schedule.register("linear")
class LinearSchedule(Schedule):
    """A fall to 0 in even steps (Devlin et al. 2019, appendix A.2)."""

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """1 - (step - warmup) / (total - warmup)."""
        return 1 - _progress(step, warmup, total)


@Schedule.register("cosine")
class CosineSchedule(Schedule):
    """A fall to 0 along half a cosine (Loshchilov & Hutter 2017, eq. 5)."""

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """(1 + cos(pi (step - warmup) / (total - warmup))) / 2."""
        return (1 + math.cos(math.pi * _progress(step, warmup, total))) / 2


@Schedule.register("inverse_square_root")
class InverseSquareRootSchedule(Schedule):
    """A fall with the root of the step (Vaswani et al. 2017, eq. 3), the learning rate being the highest one.

    The n-th step has sqrt(warmup / n); the published rate is this times 1 / sqrt(model size * warmup).
    """

    def __init__(self, warmup: float = 0.1) -> None:
        super().__init__(warmup)

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """sqrt(warmup / (step + 1))."""
        return math.sqrt(max(1, warmup) / (step + 1))


@Schedule.register("slanted_triangular")
class SlantedTriangularSchedule(Schedule):
    """A short rise and a long fall (Howard & Ruder 2018, eq. 3), both from and to 1 / ``ratio``.

    ``warmup`` is the published cut_frac: the rise as a share of the run, or in steps. With t the step, cut the end of
    the rise and T the total, p is t / cut before the cut and 1 - (t - cut) / (T - cut) from there on; the factor is
    (1 + p (ratio - 1)) / ratio.
    """

    def __init__(self, warmup: float = 0.1, ratio: float = 32.0) -> None:
        super().__init__(warmup)
        if ratio < 1:
            raise ValueError(f"ratio is {ratio}; the highest rate is at least 1 times the lowest")
        self.ratio = ratio

    def factor(self, step: int, total: int) -> float:
        """The factor of a step."""
        cut = self.warmup_steps(total)
        p = step / cut if step < cut else 1 - _progress(step, cut, total)
        return (1 + p * (self.ratio - 1)) / self.ratio


@Schedule.register("reduce_on_plateau")
class ReduceOnPlateauSchedule(Schedule):
    """The rate multiplied by ``decay`` after every ``patience`` validations in a row without a better metric.

    As with the trainer's patience, nothing counts before the metric has risen above 0; a trainer's patience that is not
    longer than this one ends the run first.
    """

    watches_validation = True

    def __init__(self, patience: int = 3, decay: float = 0.5, warmup: float = 0.0) -> None:
        super().__init__(warmup)
        if patience < 1:
            raise ValueError(f"patience is {patience}; it must be at least 1")
        require_inner_shares(decay=decay)
        self.patience = patience
        self.decay = decay
        self.best = 0.0
        self.waited = 0
        self.reductions = 0

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """decay to the power of the reductions so far."""
        return self.decay**self.reductions

    def observe(self, metric: float) -> None:
        """Count a validation without a better metric, or start counting anew."""
        if self.best == 0 or metric > self.best:
            self.best, self.waited = metric, 0
            return
        self.waited += 1
        if self.waited == self.patience:
            self.waited = 0
            self.reductions += 1

    def state_dict(self) -> dict[str, Any]:
        """The best metric, the validations since, and the reductions."""
        return {"best": self.best, "waited": self.waited, "reductions": self.reductions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.waited, self.reductions = state["best"], state["waited"], state["reductions"]


def set_rates(optimizer: TorchOptimizer, factor: float) -> None:
    """Make the learning rate of each parameter group its first one times a factor.

    The first rates are kept in the groups as ``initial_lr``, and so in the optimizer's state.
    """
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def _progress(step: int, warmup: int, total: int) -> float:
    """The share of the steps after the warm-up that have been taken; 1 once the run is over."""
    return min(1.0, (step - warmup) / max(1, total - warmup))
