"""``relx train --dry-run``: everything that can go wrong in a run, met in its first minute. Writes nothing."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.report import report_corpus
from relx.data.report_text import render
from relx.model import JointExtractor
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.optim.parameter_groups import parameter_groups
from relx.training.preparation import check_oracle, prepare
from relx.training.stepper import Part, Step, TrainStep
from relx.utils.runtime import prepare_process


class Trial:
    """The data of an experiment, its model with the vocabulary of all training sentences, and steps of its optimizer.

    Raises DataError, ConfigError and TrainingError as a run does.
    """

    def __init__(self, experiment: Experiment, processes: Distributed) -> None:
        prepare_process()
        self.experiment = experiment
        self.processes = processes
        self.data, self.model = processes.each(lambda: prepare(experiment))

    def corpus(self, examples: Sequence[Example]) -> TensorDataset:
        """Sentences as the model is trained on them."""
        return TensorDataset(examples, self.model.index_labelled)

    def stepper(self, total: int) -> TrainStep:
        """The model and its optimizer, for so many steps."""
        trainer = self.experiment.trainer
        optimizer = trainer.optimizer.of(parameter_groups(self.model.named_parameters(), trainer.groups))
        return TrainStep(self.model, optimizer, self.processes, trainer.grad_norm, trainer.schedule, total=total)

    def plan(self, corpus: TensorDataset, epoch: int) -> list[list[np.ndarray]]:
        """The batches of each step of an epoch; the largest come first in epoch 0."""
        experiment = self.experiment
        return experiment.loader.steps(corpus.lengths, experiment.seed, epoch, experiment.trainer.accumulate)


def take(stepper: TrainStep, number: int, corpus: TensorDataset, batches: Sequence[np.ndarray]) -> Step:
    """A step on these batches, of each of which every process takes its share. Raises as the stepper does."""
    parts = [Part.share(corpus, rows, stepper.processes) for rows in batches]
    return stepper.step(number, parts, sum(map(len, batches)))


SPLITS = {"train": "train", "validation": "dev", "test": "test"}
PREDICTED = 32


def dry_run(experiment: Experiment, processes: Distributed) -> str:
    """What was found: the data, the vocabulary, a step on the largest batch, a prediction of the longest sentences.

    The oracle check is logged as in a run. Raises DataError, ConfigError, MissingExtra and TrainingError as a run does.
    """
    experiment.callbacks(Path())
    trial = Trial(experiment, processes)
    check_oracle(experiment, trial.model, trial.data)
    report = report_corpus({SPLITS[split]: examples for split, examples in trial.data.items()})
    return "\n".join([render(report), "", _vocabulary(trial.model), _step(trial), _prediction(trial)])


def _vocabulary(model: JointExtractor) -> str:
    sizes = ", ".join(f"{name} {size:,}" for name, size in model.vocabulary.sizes().items())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    weights = f"{trained:,} weights to train" + (f", {frozen:,} frozen" if frozen else "")
    return f"vocabulary: {sizes}\nmodel: {weights}"


def _step(trial: Trial) -> str:
    corpus = trial.corpus(trial.data["train"])
    plan = trial.plan(corpus, 0)
    trainer = trial.experiment.trainer
    if trainer.schedule is not None:
        trainer.schedule.warn_of_long_warmup(len(plan) * trainer.course.epochs)
    started = time.perf_counter()
    step = take(trial.stepper(total=len(plan)), 0, corpus, plan[0])
    seconds = time.perf_counter() - started
    norm = "" if step.grad_norm is None else f", gradient norm {step.grad_norm:.3g}"
    size = f"{sum(map(len, plan[0]))} sentences of up to {max(corpus.lengths[rows].max() for rows in plan[0])} tokens"
    came_to = f"loss {step.loss:.3f}{norm}, {seconds:.1f} s; {len(plan):,} steps an epoch"
    return f"a step on the largest batch, {size}: {came_to}"


def _prediction(trial: Trial) -> str:
    split = "validation" if "validation" in trial.data else "train"
    longest = sorted(trial.data[split], key=len)[-PREDICTED:]
    started = time.perf_counter()
    trial.model.extract(longest, trial.experiment.loader)
    return f"a prediction of the {len(longest)} longest sentences of {split}: {time.perf_counter() - started:.1f} s"
