"""One step of the optimizer, on one process or several."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Example
from relx.errors import TrainingError
from relx.runtime import lacks_memory
from relx.training.averaging import Averaging
from relx.training.lazy_rows import clip_gradients
from relx.training.processes import Processes
from relx.training.schedules import Schedule, set_rates

SHOWN = 3


class BadLoss(TrainingError):
    """The loss is not finite."""


@dataclass(frozen=True)
class Part:
    """What one process works out of a step at a time: a batch, and how many of the step's sentences it stands for."""

    batch: Batch
    sentences: int


@dataclass(frozen=True)
class Step:
    """What a step came to: the mean loss of its sentences, the norm of the gradients where they are clipped, the rate
    of the first group of weights."""

    loss: float
    grad_norm: float | None
    lr: float


class Stepper:
    """A model on the device of the processes, and what changes its weights in a run of ``total`` steps.

    Gradients are clipped to ``grad_norm``; ``averaging`` follows the weights.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        processes: Processes,
        grad_norm: float | None = None,
        schedule: Schedule | None = None,
        averaging: Averaging | None = None,
        total: int = 0,
    ) -> None:
        self.model = model
        self.weights = list(model.parameters())
        self.processes = processes
        self.accelerator = processes.accelerator
        self.wrapped, self.optimizer = self.accelerator.prepare(_Loss(model), optimizer)
        self.grad_norm = grad_norm
        self.schedule = schedule
        self.averaging = averaging
        self.total = total

    def step(self, number: int, parts: Sequence[Part], sentences: int) -> Step:
        """Change the weights by the gradients of the mean loss of so many sentences, this process's parts among them.

        ``number`` counts the steps before this one. Raises BadLoss, and TrainingError when the memory does not suffice;
        the weights are then as they were.
        """
        if not self.model.training:
            self.model.train()
        if self.schedule is not None:
            set_rates(self.optimizer, self.schedule.factor(number, self.total))
        shares = [part.sentences / sentences for part in parts]
        losses = [
            self._add_gradients(part.batch, share, last=part is parts[-1])
            for part, share in zip(parts, shares, strict=True)
        ]
        loss = self.processes.total(sum(value * share for value, share in zip(losses, shares, strict=True)))
        if not math.isfinite(loss):
            raise BadLoss(self._complaint(loss, losses, parts, sentences))
        norm = self._clip()
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.optimizer.step_was_skipped:  # in fp16, where gradients overflow: the scale was too large, no more
            norm = None
        elif self.averaging is not None:
            self.averaging.update(self.model)
        return Step(loss, norm, self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Everything that a step changes, and the weights that it leaves alone."""
        states = {name: part.state_dict() for name, part in self._followers().items()}
        own = {"model": dict(self.model.state_dict()), "optimizer": self.optimizer.state_dict(), "total": self.total}
        return {**own, **states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave.

        Raises TrainingError when the run is to have another length, on which the schedule depends.
        """
        self._require_same_schedule(state["total"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, part in self._followers().items():
            part.load_state_dict(state[name])

    def settle(self, state: dict[str, Any] | None = None) -> None:
        """Leave the model for good with the weights to keep: those of now, or of what ``state_dict`` gave then."""
        if state is not None:
            self.model.load_state_dict(state["model"])
            if self.averaging is not None:
                self.averaging.load_state_dict(state["averaging"])
        with self.weights_to_keep():
            kept = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.model.load_state_dict(kept)

    def _require_same_schedule(self, total: int) -> None:
        schedule = self.schedule
        if schedule is None or total == self.total:
            return
        if any(schedule.factor(step, total) != schedule.factor(step, self.total) for step in range(total)):
            raise TrainingError(
                f"trainer.epochs: the learning rates of trainer.schedule were those of a run of {total} steps; with "
                f"{self.total} they would have been others. Take it back, or give --force to start anew"
            )

    def _followers(self) -> dict[str, Any]:
        """What has a state of its own besides model and optimizer, as far as it is used."""
        parts = {"scaler": self.accelerator.scaler, "schedule": self.schedule, "averaging": self.averaging}
        return {name: part for name, part in parts.items() if part is not None}

    @contextmanager
    def weights_to_keep(self) -> Iterator[None]:
        """While entered, the model holds the weights that are validated and archived: the averages, if there are."""
        with self.averaging.applied(self.model) if self.averaging is not None else nullcontext():
            yield

    def _add_gradients(self, batch: Batch, share: float, last: bool) -> float:
        """Those of a batch times its share in the step; between processes they are added up at the last one only."""
        between = nullcontext() if last else self.accelerator.no_sync(self.wrapped)
        with _memory_suffices_for(batch), between:
            loss: Tensor = self.wrapped(batch.to(self.processes.device))
            self.accelerator.backward(loss * (share * self.processes.count))  # processes average what they add up
            return loss.item()

    def _clip(self) -> float | None:
        if self.grad_norm is None:
            return None
        self.accelerator.unscale_gradients()
        return clip_gradients(self.weights, self.grad_norm).item()

    def _complaint(self, loss: float, losses: Sequence[float], parts: Sequence[Part], sentences: int) -> str:
        """The first sentences of the batches whose loss is not finite, whichever process had them."""
        bad = [part.batch.examples for part, value in zip(parts, losses, strict=True) if not math.isfinite(value)]
        own = [_shown(example) for examples in bad for example in examples[:SHOWN]]
        everywhere = [text for texts in self.processes.gather(own) for text in texts]
        return f"the loss is {loss} on a batch of {sentences} sentences; the first: {'; '.join(everywhere[:SHOWN])}"


class _Loss(nn.Module):
    """Stands before the model, so that accelerate and torch lay their wrappers around this module and not the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return self.model(batch)


def _shown(example: Example) -> str:
    return (f"{example.id}: " if example.id is not None else "") + " ".join(example.tokens)[:80]


@contextmanager
def _memory_suffices_for(batch: Batch) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise TrainingError(
            f"the memory does not suffice for {len(batch)} sentences of up to {batch.mask.shape[1]} tokens: set a "
            "smaller data_loader.batch_size, with trainer.accumulate if the steps are to stay as they are, or a "
            "data_loader.max_tokens"
        ) from error
