"""The processes that train one model: a single one, or several that ``torchrun`` or ``accelerate`` started."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin
from torch import distributed

from relx.errors import RelxError, TrainingError
from relx.utils.precision import has_bf16
from relx.utils.runtime import require_device

logger = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")

Precision = Literal["fp32", "bf16", "fp16"]
ACCELERATE_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
LAUNCHED = "LOCAL_RANK"  # set by whatever starts several processes
LAUNCHER = ("RANK", LAUNCHED, "WORLD_SIZE")
MPI = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")  # its launchers set these, and accelerate the rest


class Distributed:
    """One of the processes of a run: its rank, its device, and the communication between them.

    ``device`` is a name of torch; the default is a GPU where there is one. Only the ``main`` process, whose rank is 0,
    writes files and prints messages. Raises RelxError for a device that cannot be used, and TrainingError for a
    precision that it does not support and for an environment in which several processes cannot find each other.
    """

    def __init__(self, device: str | None = None, precision: Precision = "fp32") -> None:
        # accelerate keeps one state a process, in which a run would find the settings of the run before it.
        AcceleratorState._reset_state(reset_partial_state=True)
        _require_whole_launch()
        on_cpu = _on_cpu(device)
        try:
            self.accelerator = _accelerator(on_cpu, precision)
        except Exception as error:  # accelerate and torch raise all sorts for variables of their launchers
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise TrainingError(
                f"training cannot start in this environment: {reason}; unset variables that another launcher left "
                "(RANK, WORLD_SIZE, MASTER_ADDR, ACCELERATE_...), or start relx by torchrun or accelerate launch"
            ) from error
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.count: int = self.accelerator.num_processes
        if not self.main:
            logging.getLogger("relx").setLevel(logging.ERROR)
        if self.device.type == "cpu":
            _check_on_processor(precision)

    @property
    def main(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this process's part of the rows of a batch; it may be empty."""
        return rows[self.rank :: self.count]

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> list[B]:
        """Return ``function`` of each item, in order, in every process; each process computes a part of them."""
        own = [function(item) for item in items[self.rank :: self.count]]
        made: list[Any] = [None] * len(items)
        for rank, part in enumerate(self.gather(own)):
            made[rank :: self.count] = part
        return made

    def gather(self, value: A) -> list[A]:
        """Return the values of all processes by rank, in every process."""
        values: list[Any] = [value]
        if self.count > 1:
            values = [None] * self.count
            distributed.all_gather_object(values, value)
        return values

    def total(self, value: float) -> float:
        """Return the sum over all processes."""
        return sum(self._numbers(value)) if self.count > 1 else value

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in one of them."""
        return any(self._numbers(float(flag))) if self.count > 1 else flag

    def on_main(self, action: Callable[[], A]) -> A:
        """Run the action in the main process and return its result in every process. Its error stops them all."""
        if self.count == 1:
            return action()
        outcome: list[Any] = [None, None]
        if self.main:
            try:
                outcome[0] = action()
            except RelxError as error:
                outcome[1] = error
        distributed.broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1] if self.main else SystemExit(2)  # the main process says why
        return outcome[0]

    def each(self, action: Callable[[], A]) -> A:
        """Run the action in every process and return its result. An error in one of them stops them all.

        An error that several have in common is raised by the first of them alone, so that the user reads it once.
        """
        if self.count == 1:
            return action()
        outcome: list[A] = []
        error: RelxError | None = None
        try:
            outcome.append(action())
        except RelxError as caught:
            error = caught
        messages = self.gather(str(error) if error is not None else None)
        if error is not None and messages.index(str(error)) == self.rank:
            raise error
        if any(message is not None for message in messages):
            raise SystemExit(2)
        return outcome[0]

    def _numbers(self, value: float) -> list[float]:
        """Return the values of all processes by rank; each process adds them up in the same order."""
        numbers = torch.zeros(self.count, dtype=torch.float64, device=self.device)
        numbers[self.rank] = value
        distributed.all_reduce(numbers)
        return numbers.tolist()


def shutdown() -> None:
    """Leave the group of processes, at the end of the program."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _require_whole_launch() -> None:
    """Raise TrainingError where the environment holds only a part of what a launcher of several processes sets."""
    given = {name: os.environ[name] for name in LAUNCHER if name in os.environ}
    if not given or any(name in os.environ for name in MPI):
        return
    shown = " ".join(f"{name}={value}" for name, value in given.items())
    remedy = "start several processes by torchrun or accelerate launch; to start one, unset these variables"
    if missing := [name for name in LAUNCHER if name not in given]:
        raise TrainingError(f"the environment has {shown} without {' and '.join(missing)}; {remedy}")
    if not all(value.isdecimal() for value in given.values()) or int(given["RANK"]) >= int(given["WORLD_SIZE"]):
        raise TrainingError(f"the environment has {shown}, which is no process of a run; {remedy}")


def _accelerator(on_cpu: bool, precision: Precision) -> Accelerator:
    return Accelerator(
        mixed_precision=ACCELERATE_PRECISION[precision],
        cpu=on_cpu,
        # Parts of a model may have no say in a batch. Without the search torch also regroups the gradients after
        # the first step, and a resumed run would add them up in another order.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        # TrainStep weighs the batches of a step itself; else a flag of accelerate's launcher would do it again.
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
    )


def _on_cpu(device: str | None) -> bool:
    """Return whether to compute on processors; select a GPU that is named by its number."""
    if device is None:
        # Told so, accelerate sets up several processes on processors too.
        return not (torch.cuda.is_available() or torch.backends.mps.is_available())
    require_device(device)
    chosen = torch.device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        if LAUNCHED in os.environ:
            raise TrainingError(f"--device {device}: of several processes each takes a GPU of its own; write cuda")
        torch.cuda.set_device(chosen)
    return chosen.type == "cpu"


def _check_on_processor(precision: Precision) -> None:
    if precision == "fp16":
        raise TrainingError("trainer.precision: fp16 needs a GPU; a processor can train in fp32 or bf16")
    if precision == "bf16" and not has_bf16("cpu"):
        logger.warning("trainer.precision: this processor has no instructions for bf16, and is far slower with it")
