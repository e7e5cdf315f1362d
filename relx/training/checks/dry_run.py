"""``relx train --dry-run``: try all that a run does, in a minute, and write nothing."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.report import report_corpus
from relx.data.report_text import render
from relx.model import JointExtractor
from relx.training.callbacks.default import callbacks_of
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.optim.parameter_groups import parameter_groups
from relx.training.preparation import check_oracle, prepare
from relx.training.train_step import TrainStep
from relx.utils.runtime import prepare_process

SPLITS = {"train": "train", "validation": "dev", "test": "test"}
PREDICTED = 32


class DryRun:
    """The data of an experiment, its model with the vocabulary of all training sentences, and steps of its optimizer.

    Raises DataError, ConfigError and TrainingError as a run does.
    """

    def __init__(self, experiment: Experiment, distributed: Distributed) -> None:
        prepare_process()
        self.experiment = experiment
        self.distributed = distributed
        self.data, self.model = distributed.each(lambda: prepare(experiment))

    def dataset(self, examples: Sequence[Example]) -> TensorDataset:
        """Return sentences as the model is trained on them."""
        return TensorDataset(examples, self.model.index_labelled)

    def train_step(self, total: int) -> TrainStep:
        """Return the model with its optimizer, for so many steps."""
        trainer = self.experiment.trainer
        optimizer = trainer.optimizer.of(parameter_groups(self.model.named_parameters(), trainer.groups))
        return TrainStep(self.model, optimizer, self.distributed, trainer.grad_norm, trainer.schedule, total=total)

    def plan(self, dataset: TensorDataset, epoch: int) -> list[list[np.ndarray]]:
        """Return the batches of each step of an epoch; the largest come first in epoch 0."""
        experiment = self.experiment
        batches = experiment.trainer.gradient_accumulation_steps
        return experiment.loader.steps(dataset.lengths, experiment.seed, epoch, batches)


def dry_run(experiment: Experiment, distributed: Distributed) -> str:
    """Report on the data, the vocabulary, a step on the largest batch, and a prediction of the longest sentences.

    The oracle check is logged as in a run. Raises DataError, ConfigError, MissingExtra and TrainingError as a run does.
    """
    callbacks_of(experiment.trainer, Path(), experiment.protocols[0])
    run = DryRun(experiment, distributed)
    check_oracle(experiment, run.model, run.data)
    report = report_corpus({SPLITS[split]: examples for split, examples in run.data.items()})
    return "\n".join([render(report), "", _vocabulary(run.model), _step(run), _prediction(run)])


def _vocabulary(model: JointExtractor) -> str:
    sizes = ", ".join(f"{name} {size:,}" for name, size in model.vocabulary.sizes().items())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    weights = f"{trained:,} weights to train" + (f", {frozen:,} frozen" if frozen else "")
    return f"vocabulary: {sizes}\nmodel: {weights}"


def _step(run: DryRun) -> str:
    dataset = run.dataset(run.data["train"])
    plan = run.plan(dataset, 0)
    trainer = run.experiment.trainer
    if trainer.schedule is not None:
        trainer.schedule.warn_of_long_warmup(len(plan) * trainer.stopping.epochs)
    started = time.perf_counter()
    step = run.train_step(total=len(plan)).on_batches(0, dataset, plan[0])
    seconds = time.perf_counter() - started
    norm = "" if step.grad_norm is None else f", gradient norm {step.grad_norm:.3g}"
    size = f"{sum(map(len, plan[0]))} sentences of up to {max(dataset.lengths[rows].max() for rows in plan[0])} tokens"
    came_to = f"loss {step.loss:.3f}{norm}, {seconds:.1f} s; {len(plan):,} steps an epoch"
    return f"a step on the largest batch, {size}: {came_to}"


def _prediction(run: DryRun) -> str:
    split = "validation" if "validation" in run.data else "train"
    longest = sorted(run.data[split], key=len)[-PREDICTED:]
    started = time.perf_counter()
    run.model.extract(longest, run.experiment.loader)
    return f"a prediction of the {len(longest)} longest sentences of {split}: {time.perf_counter() - started:.1f} s"
