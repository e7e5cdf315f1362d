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
class Shard:
    """One process's part of a batch: ``sentences`` is how many of the step's sentences it counts for.

    ``rows`` are the indices of the batch's sentences in their dataset.
    """

    batch: Batch
    sentences: int
    rows: Sequence[int] = ()

    @classmethod
    def of(cls, dataset: TensorDataset, rows: np.ndarray, distributed: Distributed) -> "Shard":
        """Return this process's part of a batch. A process without a sentence works on one that does not count."""
        own = distributed.share(rows)
        worked_on = (own if len(own) else rows[:1]).tolist()
        return cls(dataset.batch(worked_on), len(own), worked_on)


@dataclass(frozen=True)
class Step:
    """The result of a step.

    It holds the mean loss of its sentences, the norm of the gradients before clipping (None where fp16 overflowed), and
    the learning rate of the first group of weights.
    """

    loss: float
    grad_norm: float | None
    lr: float


class TrainStep:
    """Take the steps of an optimizer on a model, on the device of the processes, in a run of ``total`` steps.

    Gradients are clipped to ``grad_norm``. ``best`` are the weights that ``keep_best`` copied.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        distributed: Distributed,
        grad_norm: float | None = None,
        schedule: Schedule | None = None,
        ema: EMA | None = None,
        total: int = 0,
    ) -> None:
        self.model = model
        self.weights = list(model.parameters())
        self.distributed = distributed
        self.accelerator = distributed.accelerator
        self.wrapped, self.optimizer = self.accelerator.prepare(_Loss(model), optimizer)
        self.grad_norm = grad_norm
        self.schedule = schedule
        self.ema = ema
        self.total = total
        self.best: dict[str, Tensor] | None = None

    def on_batches(self, number: int, dataset: TensorDataset, batches: Sequence[np.ndarray]) -> Step:
        """Divide each of these batches among the processes, and take the step. Raises as ``step`` does."""
        shards = [Shard.of(dataset, rows, self.distributed) for rows in batches]
        return self.step(number, shards, sum(map(len, batches)))

    def step(self, number: int, shards: Sequence[Shard], sentences: int) -> Step:
        """Change the weights by the gradients of the mean loss of so many sentences, this process's shards among them.

        ``number`` counts the steps before this one. Raises BadLoss, and TrainingError when the memory does not suffice;
        the weights are then as they were.
        """
        if not self.model.training:
            self.model.train()
        if self.schedule is not None:
            set_rates(self.optimizer, self.schedule.factor(number, self.total))
        shares = [shard.sentences / sentences for shard in shards]
        losses = [
            self._add_gradients(shard.batch, share, last=shard is shards[-1])
            for shard, share in zip(shards, shares, strict=True)
        ]
        loss = self.distributed.total(sum(value * share for value, share in zip(losses, shares, strict=True)))
        if not math.isfinite(loss):
            raise BadLoss(self._complaint(loss, losses, shards, sentences))
        self.accelerator.unscale_gradients()
        norm: float | None = clip_gradients(self.weights, self.grad_norm).item()
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.optimizer.step_was_skipped:  # in fp16, where gradients overflow: the scale was too large, no more
            norm = None
        elif self.ema is not None:
            self.ema.update(self.model)
        return Step(loss, norm, self.optimizer.param_groups[0]["lr"])

    def _add_gradients(self, batch: Batch, share: float, last: bool) -> float:
        """Add the gradients of a batch, weighted by its share in the step, and return its loss.

        Processes synchronize their gradients at the last batch only.
        """
        between = nullcontext() if last else self.accelerator.no_sync(self.wrapped)
        with _memory_suffices_for(batch), between:
            loss: Tensor = self.wrapped(batch.to(self.distributed.device))
            self.accelerator.backward(loss * (share * self.distributed.count))  # processes average what they add up
            return loss.item()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a step changes, and the weights that it leaves alone."""
        states = {name: part.state_dict() for name, part in self._stateful_parts().items()}
        return {
            "model": dict(self.model.state_dict()),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "total": self.total,
            **states,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Raises TrainingError when the run is to have another length, on which the schedule depends.
        """
        self._require_same_schedule(state["total"])
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        for name, part in self._stateful_parts().items():
            part.load_state_dict(state[name])

    def keep_best(self) -> None:
        """Copy the present weights as the best so far, except those that are never trained."""
        frozen = {name for name, weight in self.model.named_parameters() if not weight.requires_grad}
        with self.averaged_weights():
            weights = self.model.state_dict()
            self.best = copies({name: weight for name, weight in weights.items() if name not in frozen})

    def load_best(self) -> None:
        """Load the best weights into the model, at the end of training; where none were kept, the present ones."""
        if self.best is None:
            self.keep_best()
        assert self.best is not None
        self.model.load_state_dict({**self.model.state_dict(), **self.best})

    def _require_same_schedule(self, total: int) -> None:
        schedule = self.schedule
        if schedule is None or total == self.total:
            return
        if any(schedule.factor(step, total) != schedule.factor(step, self.total) for step in range(total)):
            raise TrainingError(
                f"trainer.epochs: the learning rates of trainer.schedule were those of a run of {total} steps; with "
                f"{self.total} they would be others. Undo this, or start again (--force, in Python force=True)"
            )

    def _stateful_parts(self) -> dict[str, Any]:
        """Return the parts besides model and optimizer that have a state, as far as they are used."""
        parts = {"scaler": self.accelerator.scaler, "schedule": self.schedule, "ema": self.ema}
        return {name: part for name, part in parts.items() if part is not None}

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """While entered, the model holds the weights that are validated and archived: their averages with ``ema``."""
        with self.ema.applied(self.model) if self.ema is not None else nullcontext():
            yield

    def _complaint(self, loss: float, losses: Sequence[float], shards: Sequence[Shard], sentences: int) -> str:
        """Name the sentences whose loss alone is not finite, whichever process had them."""
        bad = [
            shard for shard, value in zip(shards, losses, strict=True) if shard.sentences and not math.isfinite(value)
        ]
        own = [(shard, index) for shard in bad for index in range(len(shard.batch))]
        judged = [(_named(shard, index), self._is_finite(_alone(shard.batch, index))) for shard, index in own]
        everywhere = [found for process in self.distributed.gather(judged) for found in process]
        culprits = [name for name, finite in everywhere if not finite]
        which = f"alone, {len(culprits)} of them have such a loss" if culprits else "alone, each has a finite one"
        first = "; ".join((culprits or [name for name, _ in everywhere])[:SHOWN])
        return f"the loss is {loss} on a batch of {sentences} sentences; {which}; the first: {first}\n{ADVICE}"

    @torch.no_grad()
    def _is_finite(self, sentence: Batch) -> bool:
        with self.accelerator.autocast():
            return bool(torch.isfinite(self.model(sentence.to(self.distributed.device))))


class _Loss(nn.Module):
    """Return the loss of the model; accelerate and torch wrap this module in place of the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return self.model(batch)


def _alone(batch: Batch, index: int) -> Batch:
    row = slice(index, index + 1)
    return Batch({name: tensor[row] for name, tensor in batch.tensors.items()}, batch.mask[row], batch.examples[row])


def _named(shard: Shard, index: int) -> str:
    example = shard.batch.examples[index]
    number = f"training sentence {shard.rows[index] + 1}" if shard.rows else "a sentence"
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
            "smaller data_loader.batch_size, with trainer.gradient_accumulation_steps if the steps are to stay as they "
            "are, or a data_loader.max_tokens"
        ) from error
