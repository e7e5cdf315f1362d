"""Schedule the learning rate: a factor on the rates of an optimizer at each step."""

import logging
import math
from typing import Any, ClassVar

from torch.optim import Optimizer as TorchOptimizer

from relx.registry import Registrable
from relx.utils.argument_checks import require_inner_shares

logger = logging.getLogger(__name__)


class Schedule(Registrable, kind="schedule"):
    """Multiply the learning rate of every parameter group by a factor between 0 and 1, at each step of a run.

    During warm-up the factor grows evenly, n / warm-up at the n-th step (Goyal et al. 2017, section 2.2), so that no
    step is wasted on a rate of 0; ``after_warmup`` returns the factor of the other steps. Raises ValueError for a
    warm-up that is negative or no whole number of steps.

    Args:
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
    """

    watches_validation: ClassVar[bool] = False
    """Whether the factor depends on the validation metric, and the run thus needs a validation set."""

    def __init__(self, warmup: float = 0.0) -> None:
        if warmup < 0 or (warmup >= 1 and not float(warmup).is_integer()):
            raise ValueError(f"warmup is {warmup}; it is a share of the run below 1, or a whole number of steps")
        self.warmup = warmup

    def factor(self, step: int, total: int) -> float:
        """Return the factor of a step; ``step`` counts the steps before it, ``total`` those of the whole run."""
        warmup = self.warmup_steps(total)
        return (step + 1) / warmup if step < warmup else self.after_warmup(step, warmup, total)

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """Return the factor of a step after a warm-up of ``warmup`` steps."""
        raise NotImplementedError

    def warmup_steps(self, total: int) -> int:
        """Return the number of warm-up steps in a run of ``total`` steps."""
        return int(self.warmup) if self.warmup >= 1 else round(self.warmup * total)

    def warn_of_long_warmup(self, total: int) -> None:
        """Log a warning where the warm-up of a run of ``total`` steps leaves no step after it."""
        if self.warmup_steps(total) >= total:
            logger.warning(
                "trainer.schedule.warmup is %d of the run's %d steps: the learning rate only rises, to %.3g of its "
                "value, until the run ends; choose a shorter warm-up, or a share of the run such as 0.1",
                self.warmup_steps(total), total, self.factor(total - 1, total),
            )  # fmt: skip

    def observe(self, metric: float) -> None:
        """Note a validation metric, of which more is better."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs, as plain values; nothing for a function of the step alone."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""


@Schedule.register("constant")
class ConstantSchedule(Schedule):
    """Keep the learning rate constant after the warm-up.

    Args:
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
    """

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """Return 1."""
        return 1.0


@Schedule.register("linear")
class LinearSchedule(Schedule):
    """Reduce the learning rate to 0 in even steps (Devlin et al. 2019, appendix A.2).

    Args:
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
    """

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """1 - (step - warmup) / (total - warmup)."""
        return 1 - _progress(step, warmup, total)


@Schedule.register("cosine")
class CosineSchedule(Schedule):
    """Reduce the learning rate to 0 along half a cosine (Loshchilov & Hutter 2017, eq. 5).

    Args:
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
    """

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """(1 + cos(pi (step - warmup) / (total - warmup))) / 2."""
        return (1 + math.cos(math.pi * _progress(step, warmup, total))) / 2


@Schedule.register("inverse_square_root")
class InverseSquareRootSchedule(Schedule):
    """Reduce the learning rate with the root of the step (Vaswani et al. 2017, eq. 3).

    The factor of the n-th step is sqrt(warmup / n), so ``lr`` is the highest rate. The published rate is this factor
    times 1 / sqrt(model size * warmup).

    Args:
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
    """

    def __init__(self, warmup: float = 0.1) -> None:
        super().__init__(warmup)

    def after_warmup(self, step: int, warmup: int, total: int) -> float:
        """sqrt(warmup / (step + 1))."""
        return math.sqrt(max(1, warmup) / (step + 1))


@Schedule.register("slanted_triangular")
class SlantedTriangularSchedule(Schedule):
    """Raise the learning rate in a short warm-up and reduce it in a long decay (Howard & Ruder 2018, eq. 3).

    With t the step, cut the end of the rise and T the total, p is t / cut before the cut and 1 - (t - cut) / (T - cut)
    from there on. The factor is (1 + p (ratio - 1)) / ratio.

    Args:
        warmup: The length of the rise (cut_frac in the paper), as a share of the run below 1 or as a number of steps.
        ratio: The ratio of the highest rate to the first and the last one.
    """

    def __init__(self, warmup: float = 0.1, ratio: float = 32.0) -> None:
        super().__init__(warmup)
        if ratio < 1:
            raise ValueError(f"ratio is {ratio}; the highest rate is at least 1 times the lowest")
        self.ratio = ratio

    def factor(self, step: int, total: int) -> float:
        """(1 + p (ratio - 1)) / ratio."""
        cut = self.warmup_steps(total)
        p = step / cut if step < cut else 1 - _progress(step, cut, total)
        return (1 + p * (self.ratio - 1)) / self.ratio


@Schedule.register("reduce_on_plateau")
class ReduceOnPlateauSchedule(Schedule):
    """Reduce the learning rate after several validations in a row without a better metric.

    Validations before the metric first rises above 0 do not count. A trainer's patience that is not longer than this
    one ends the run first.

    Args:
        patience: The number of validations without a better metric before each reduction.
        decay: The factor of a reduction, between 0 and 1.
        warmup: The warm-up, as a share of the run below 1 or as a number of steps.
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
        """Decay to the power of the reductions so far."""
        return self.decay**self.reductions

    def observe(self, metric: float) -> None:
        """Count a validation without a better metric, or reset the count."""
        if self.best == 0 or metric > self.best:
            self.best, self.waited = metric, 0
            return
        self.waited += 1
        if self.waited == self.patience:
            self.waited = 0
            self.reductions += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the best metric, the validations since, and the reductions."""
        return {"best": self.best, "waited": self.waited, "reductions": self.reductions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.best, self.waited, self.reductions = state["best"], state["waited"], state["reductions"]


def set_rates(optimizer: TorchOptimizer, factor: float) -> None:
    """Set the learning rate of each parameter group to its first one times a factor.

    The first rates are kept in the groups as ``initial_lr``, and so in the optimizer's state.
    """
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def _progress(step: int, warmup: int, total: int) -> float:
    """Return the share of the steps after the warm-up that have been taken; 1 once the run is over."""
    return min(1.0, (step - warmup) / max(1, total - warmup))
