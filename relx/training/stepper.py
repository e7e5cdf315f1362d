"""One step of the optimizer, on one process or several."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Batch, TensorDataset
from relx.errors import TrainingError
from relx.training.distributed import Distributed
from relx.training.optim.ema import EMA
from relx.training.optim.schedules import Schedule, set_rates
from relx.training.optim.sparse_updates import clip_gradients
from relx.utils.runtime import lacks_memory
from relx.utils.tied_weights import copies

SHOWN = 3
ADVICE = (
    "Look at these sentences; if nothing is wrong with them, try a lower trainer.optimizer.lr, or a smaller "
    "trainer.grad_norm"
)


class BadLoss(TrainingError):
    """The loss is not finite."""


@dataclass(frozen=True)
class Part:
    """What one process works out of a step at a time: a batch, and how many of the step's sentences it stands for.

    ``rows`` are the places of the batch's sentences in their corpus.
    """

    batch: Batch
    sentences: int
    rows: Sequence[int] = ()

    @classmethod
    def share(cls, corpus: TensorDataset, rows: np.ndarray, processes: Distributed) -> "Part":
        """What falls to this process of a batch; one that goes empty works on a sentence that does not count."""
        share = processes.share(rows)
        worked_on = (share if len(share) else rows[:1]).tolist()
        return cls(corpus.batch(worked_on), len(share), worked_on)


@dataclass(frozen=True)
class Step:
    """What a step came to: the mean loss of its sentences, the norm of the gradients before they were clipped, the rate
    of the first group of weights."""

    loss: float
    grad_norm: float | None
    lr: float


class TrainStep:
    """A model on the device of the processes, and what changes its weights in a run of ``total`` steps.

    Gradients are clipped to ``grad_norm``; ``averaging`` follows the weights. ``best`` are those that were kept.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        processes: Distributed,
        grad_norm: float | None = None,
        schedule: Schedule | None = None,
        averaging: EMA | None = None,
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
        self.best: dict[str, Tensor] | None = None

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
        norm: float | None = self._clip()
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
        return {
            "model": dict(self.model.state_dict()),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "total": self.total,
            **states,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave.

        Raises TrainingError when the run is to have another length, on which the schedule depends.
        """
        self._require_same_schedule(state["total"])
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        for name, part in self._followers().items():
            part.load_state_dict(state[name])

    def keep(self) -> None:
        """Remember the weights of now, as the best so far; not those that never change."""
        frozen = {name for name, weight in self.model.named_parameters() if not weight.requires_grad}
        with self.weights_to_keep():
            weights = self.model.state_dict()
            self.best = copies({name: weight for name, weight in weights.items() if name not in frozen})

    def settle(self) -> None:
        """Leave the model for good with the weights that were kept; where none were, with those of now."""
        if self.best is None:
            self.keep()
        assert self.best is not None
        self.model.load_state_dict({**self.model.state_dict(), **self.best})

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

    def _clip(self) -> float:
        """The norm of the gradients before."""
        self.accelerator.unscale_gradients()
        return clip_gradients(self.weights, self.grad_norm).item()

    def _complaint(self, loss: float, losses: Sequence[float], parts: Sequence[Part], sentences: int) -> str:
        """Which sentences have a loss that is not finite by themselves, whichever process had them."""
        bad = [part for part, value in zip(parts, losses, strict=True) if part.sentences and not math.isfinite(value)]
        own = [(part, place) for part in bad for place in range(len(part.batch))]
        judged = [(_named(part, place), self._is_finite(_alone(part.batch, place))) for part, place in own]
        everywhere = [found for process in self.processes.gather(judged) for found in process]
        culprits = [name for name, finite in everywhere if not finite]
        which = f"alone, {len(culprits)} of them have such a loss" if culprits else "alone, each has a finite one"
        first = "; ".join((culprits or [name for name, _ in everywhere])[:SHOWN])
        return f"the loss is {loss} on a batch of {sentences} sentences; {which}; the first: {first}\n{ADVICE}"

    @torch.no_grad()
    def _is_finite(self, sentence: Batch) -> bool:
        with self.accelerator.autocast():
            return bool(torch.isfinite(self.model(sentence.to(self.processes.device))))


class _Loss(nn.Module):
    """Stands before the model, so that accelerate and torch lay their wrappers around this module and not the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return self.model(batch)


def _alone(batch: Batch, place: int) -> Batch:
    row = slice(place, place + 1)
    return Batch({name: tensor[row] for name, tensor in batch.tensors.items()}, batch.mask[row], batch.examples[row])


def _named(part: Part, place: int) -> str:
    example = part.batch.examples[place]
    number = f"training sentence {part.rows[place] + 1}" if part.rows else "a sentence"
    return f"{number if example.id is None else example.id}: {' '.join(example.tokens)[:80]}"


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
