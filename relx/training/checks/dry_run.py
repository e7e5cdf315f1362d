"""Try out a training and write nothing.

``relx train --dry-run`` does once all that a run does. ``relx train --overfit N`` tries whether a model can memorize a
few sentences, and if not, which part fails.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.data.report import report_corpus
from relx.data.report_text import render
from relx.errors import ConfigError, TrainingError
from relx.heads.head import Head
from relx.model import JointExtractor
from relx.scoring import Report, score
from relx.scoring.render import percentages
from relx.training.callbacks.default import callbacks_of
from relx.training.checks.oracle import OracleReport, oracle_check
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.optim.parameter_groups import parameter_groups
from relx.training.preparation import check_oracle, prepare, training_sentences
from relx.training.train_step import TrainStep
from relx.utils.runtime import prepare_process
from relx.utils.text import counted

SPLITS = {"train": "train", "validation": "dev", "test": "test"}
PREDICTED = 32

MOST_STEPS = 500
MEASURE_EVERY = 25
MEMORIZED = 0.01
LEARNED = 0.1
# A limit of the head keeps the loss of its sentences above zero.
LEARNED_WITH_LIMITS = 0.5
NAMED = 5


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
        return TensorDataset(examples, self.model.index_labeled, self.model.head.cost)

    def train_step(self, total: int) -> TrainStep:
        """Return the model with its optimizer, for so many steps."""
        trainer = self.experiment.trainer
        optimizer = trainer.optimizer.build(parameter_groups(self.model.named_parameters(), trainer.groups))
        return TrainStep(self.model, optimizer, self.distributed, trainer.grad_norm, trainer.schedule, total=total)

    def plan(self, dataset: TensorDataset, epoch: int) -> list[list[np.ndarray]]:
        """Return the batches of each step of an epoch; the largest come first in epoch 0."""
        experiment = self.experiment
        batches = experiment.trainer.gradient_accumulation_steps
        return experiment.loader.steps(dataset.costs, experiment.seed, epoch, batches)


def dry_run(experiment: Experiment, distributed: Distributed) -> str:
    """Report on the data, the vocabulary, a step on the largest batch, and a prediction of the longest sentences.

    The oracle check is logged as in a run. Raises DataError, ConfigError, MissingExtra and TrainingError as a run does.
    """
    callbacks_of(experiment.trainer, Path(), experiment.protocols[0])
    run = DryRun(experiment, distributed)
    check_oracle(experiment, run.model, run.data)
    report = report_corpus({name: run.data[split] for split, name in SPLITS.items() if split in run.data})
    return "\n".join([render(report), "", _vocabulary(run.model), _step(run), _prediction(run)])


def _vocabulary(model: JointExtractor) -> str:
    sizes = ", ".join(f"{name} {size:,}" for name, size in model.vocabulary.sizes().items())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    weights = f"{trained:,} weights to train" + (f", {frozen:,} frozen" if frozen else "")
    return f"vocabulary: {sizes}\nmodel: {weights}"


def _step(run: DryRun) -> str:
    dataset = run.dataset(training_sentences(run.data))
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


@dataclass(frozen=True)
class Fit:
    """The loss per sentence of a model without dropout.

    With it the norm of its gradient with respect to each output of the head.
    """

    loss: float
    gradients: Mapping[str, float]


def overfit(experiment: Experiment, count: int, distributed: Distributed) -> str:
    """Train on so many sentences until the loss is a hundredth of its first value, and report the result in a line.

    Raises TrainingError for a head that loses labels without a cause, and one that says which part does not learn when
    after 500 steps the loss is above a tenth or the predictions stay below the head's ceiling. Sentences in which a
    limit of the head acts have no known ceiling: there the loss only has to fall by half. Writes nothing. Raises
    ConfigError for a number below 1.
    """
    if count < 1:
        raise ConfigError(f"--overfit {count}: at least one sentence is needed")
    run = DryRun(experiment, distributed)
    head, protocol = run.model.head, experiment.protocols[0]
    examples = _chosen(run.data["train"], count)
    ceiling = oracle_check(head, examples, protocol)
    ceiling.require_no_fault(head)
    dataset = run.dataset(examples)
    before = _measure(run, dataset)
    steps, after = _train(run, dataset, before)
    predicted = run.model.extract(examples, experiment.loader)
    report = score(examples, predicted, protocol)
    loss = f"loss {before.loss:.3f} -> {after.loss:.3f}"
    outcome = f"{counted(len(examples), 'sentence')}, {steps} steps: {loss}, {_found(report)}{_limits(ceiling, report)}"
    most = LEARNED_WITH_LIMITS if ceiling.at_most else LEARNED
    fell = math.isfinite(after.loss) and after.loss <= most * before.loss
    free = [index for index in range(len(examples)) if index not in set(ceiling.limited)]
    right = _reaches(head, [examples[index] for index in free], [predicted[index] for index in free], protocol)
    reasons = [] if fell and right else _reasons(run, before, after, fell)
    return distributed.on_main(lambda: _verdict(outcome, reasons, ceiling.at_most))


def _limits(ceiling: OracleReport, report: Report) -> str:
    """Return what the outcome says of the head's ceiling, if that is below 100 or not known."""
    lines = ""
    counts = ceiling.report.triples if ceiling.finds_relations else ceiling.report.entities
    if ceiling.at_most or (report.triples.gold and counts.f1 < 1):
        lines += f"; {ceiling}"
    if ceiling.at_most:
        lines += f"\n  predictions not judged, because a limit acts: {counted(len(ceiling.limited), 'sentence')}"
    return lines


def _reaches(head: Head, gold: Sequence[Example], predicted: Sequence[Example], protocol: str) -> bool:
    """Return whether predictions are as good as the head allows: triples, or entities where there are no triples."""
    report, ceiling = score(gold, predicted, protocol), oracle_check(head, gold, protocol)
    if report.triples.gold and ceiling.finds_relations:
        return report.triples.f1 >= ceiling.report.triples.f1
    return report.entities.f1 >= ceiling.report.entities.f1


def _verdict(outcome: str, reasons: Sequence[str], limited: bool) -> str:
    if reasons:
        raise TrainingError("\n  ".join([f"not learned by heart: {outcome}", *reasons]))
    return f"{'learned as far as the head allows' if limited else 'learned by heart'}: {outcome}"


def _chosen(examples: Sequence[Example], count: int) -> list[Example]:
    """Return so many sentences, evenly spaced; those with relations first."""
    ordered = sorted(examples, key=lambda example: not example.relations)
    with_relations = [example for example in examples if example.relations]
    pool = with_relations if len(with_relations) >= count else ordered
    return pool[:: max(1, len(pool) // count)][:count]


def _train(run: DryRun, dataset: TensorDataset, before: Fit) -> tuple[int, Fit]:
    """Return the number of steps, and the loss and gradients after them."""
    train_step = run.train_step(total=MOST_STEPS)
    number, epoch, now = 0, 0, before
    while number < MOST_STEPS:
        for batches in run.plan(dataset, epoch):
            train_step.on_batches(number, dataset, batches)
            number += 1
            if number % MEASURE_EVERY == 0:
                now = _measure(run, dataset)
                if math.isfinite(now.loss) and now.loss <= MEMORIZED * before.loss:
                    return number, now
        epoch += 1
    return number, now


def _measure(run: DryRun, dataset: TensorDataset) -> Fit:
    loss, gradients = 0.0, Counter[str]()
    for rows in run.experiment.loader.in_order(dataset.costs):
        seen = _measure_batch(run.model.eval(), dataset.batch(rows.tolist()).to(run.model.device))
        loss += seen.loss * len(rows) / len(dataset)
        gradients.update(seen.gradients)
    return Fit(loss, gradients)


def _measure_batch(model: JointExtractor, batch: Batch) -> Fit:
    with torch.no_grad():
        scores = {name: score.clone() for name, score in model.scores(batch).items()}
    differentiable = {name: score.requires_grad_() for name, score in scores.items() if score.is_floating_point()}
    loss = model.loss(scores, batch)
    gradients = torch.autograd.grad(loss, list(differentiable.values()), allow_unused=True)
    norms = (0.0 if gradient is None else gradient.norm().item() for gradient in gradients)
    return Fit(loss.item(), dict(zip(differentiable, norms, strict=True)))


def _found(report: Report) -> str:
    return f"triples {percentages(report.triples)}, entities {percentages(report.entities)} ({report.protocol})"


def _reasons(run: DryRun, before: Fit, after: Fit, fell: bool) -> list[str]:
    """Name the weights and the scores that do not learn, and say what to do where the loss did or did not fall."""
    reasons = [*_idle_weights(run), *_unlearned_scores(before, after)]
    if not math.isfinite(after.loss):
        return [*reasons, f"the loss without dropout is {after.loss}: look at forward and loss after model.eval()"]
    if not fell:
        return [
            *reasons,
            "if these are all, try another trainer.optimizer.lr (relx find-lr) or less dropout",
        ]
    near = after.loss <= MEMORIZED * before.loss
    loss = "is near zero" if near else f"fell to {after.loss / before.loss:.0%} of its first value"
    return [*reasons, f"the loss {loss}, and yet the predictions are not right: look at the head's decode"]


def _idle_weights(run: DryRun) -> list[str]:
    """Name the weights that get no gradient, and count the frozen ones."""
    model = run.model.train()
    dataset = run.dataset(_chosen(run.data["train"], NAMED))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    loss = model(dataset.batch(range(len(dataset))).to(model.device))
    # Not by backward, which would have several processes wait for each other's gradients.
    gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    idle = [name for name, grad in zip(trained, gradients, strict=True) if grad is None or not grad.norm()]
    frozen = sum(not p.requires_grad for p in model.parameters())
    found = [f"{len(idle)} of {len(trained)} weights get no gradient: {_some(idle)}"] if idle else []
    return found + ([f"{frozen} weights are frozen (trainable, parameter_groups)"] if frozen else [])


def _unlearned_scores(before: Fit, after: Fit) -> list[str]:
    """Name the outputs of the head whose gradient is still large, the largest first."""
    shares = {name: after.gradients[name] / norm for name, norm in before.gradients.items() if norm}
    dead = [name for name, norm in before.gradients.items() if not norm]
    high = sorted((name for name, share in shares.items() if share > LEARNED), key=lambda name: -shares[name])
    found = [
        f"the score {name!r} is not learned: its gradient is {shares[name]:.0%} of its first value" for name in high
    ]
    return found + [f"the loss does not depend on the score {name!r}" for name in dead]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
