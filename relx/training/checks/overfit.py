"""``relx train --overfit N``: whether a model can learn a few sentences by heart, and if not, which part of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.errors import ConfigError, TrainingError
from relx.model import JointExtractor
from relx.scoring import Report, score
from relx.scoring.render import percentages
from relx.training.checks.dry_run import DryRun
from relx.training.checks.oracle import OracleReport, oracle_check
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment

MOST_STEPS = 500
LOOK_EVERY = 25
NEAR_ZERO = 0.01
LEARNT = 0.1
NAMED = 5


@dataclass(frozen=True)
class Look:
    """How far a model is, measured without dropout: the loss a sentence, and for each of the head's scores how hard the
    loss still pulls at it (the norm of its gradient)."""

    loss: float
    pulls: Mapping[str, float]


def overfit(experiment: Experiment, count: int, distributed: Distributed) -> str:
    """Train on so many sentences until the loss is a hundredth of what it was; what came of it, in a line.

    Raises TrainingError for a head that loses triples without a cause, and one that says which part does not learn when
    after 500 steps the loss is above a tenth or the predictions stay below the head's ceiling. Writes nothing. Raises
    ConfigError for a number below 1.
    """
    if count < 1:
        raise ConfigError(f"--overfit {count}: at least one sentence is needed")
    run = DryRun(experiment, distributed)
    examples = _chosen(run.data["train"], count)
    ceiling = oracle_check(run.model.head, examples, experiment.protocols[0])
    ceiling.require_no_fault(run.model.head)
    dataset = run.dataset(examples)
    before = _look(run, dataset)
    steps, after = _train(run, dataset, before)
    report = score(examples, run.model.extract(examples, experiment.loader), experiment.protocols[0])
    outcome = f"{len(examples)} sentences, {steps} steps: loss {before.loss:.3f} -> {after.loss:.3f}, {_found(report)}"
    if ceiling.report.triples.gold and ceiling.report.triples.f1 < 1:
        outcome += f"; {ceiling}"
    learnt = after.loss <= LEARNT * before.loss and _reaches(report, ceiling)
    reasons = [] if learnt else _reasons(run, before, after)
    return distributed.on_main(lambda: _verdict(outcome, reasons))


def _reaches(report: Report, ceiling: OracleReport) -> bool:
    """Whether predictions are as good as the head allows: its triples, or its entities where there are no triples."""
    if report.triples.gold and ceiling.finds_relations:
        return report.triples.f1 >= ceiling.report.triples.f1
    return report.entities.f1 >= ceiling.report.entities.f1


def _verdict(outcome: str, reasons: Sequence[str]) -> str:
    if reasons:
        raise TrainingError("\n  ".join([f"not learnt by heart: {outcome}", *reasons]))
    return f"learnt by heart: {outcome}"


def _chosen(examples: Sequence[Example], count: int) -> list[Example]:
    """So many sentences, evenly spaced, of those with relations while there are any."""
    ordered = sorted(examples, key=lambda example: not example.relations)
    telling = [example for example in examples if example.relations]
    pool = telling if len(telling) >= count else ordered
    return pool[:: max(1, len(pool) // count)][:count]


def _train(run: DryRun, dataset: TensorDataset, before: Look) -> tuple[int, Look]:
    """The number of steps, and how far they led."""
    train_step = run.train_step(total=MOST_STEPS)
    number, epoch, now = 0, 0, before
    while number < MOST_STEPS:
        for batches in run.plan(dataset, epoch):
            train_step.on_batches(number, dataset, batches)
            number += 1
            if number % LOOK_EVERY == 0:
                now = _look(run, dataset)
                if now.loss <= NEAR_ZERO * before.loss:
                    return number, now
        epoch += 1
    return number, now


def _look(run: DryRun, dataset: TensorDataset) -> Look:
    loss, pulls = 0.0, Counter[str]()
    for rows in run.experiment.loader.in_order(dataset.lengths):
        seen = _look_at(run.model.eval(), dataset.batch(rows.tolist()).to(run.model.device))
        loss += seen.loss * len(rows) / len(dataset)
        pulls.update(seen.pulls)
    return Look(loss, pulls)


def _look_at(model: JointExtractor, batch: Batch) -> Look:
    with torch.no_grad():
        scores = {name: score.clone() for name, score in model.scores(batch).items()}
    pulling = {name: score.requires_grad_() for name, score in scores.items() if score.is_floating_point()}
    loss = model.loss(scores, batch)
    gradients = torch.autograd.grad(loss, list(pulling.values()), allow_unused=True)
    norms = (0.0 if gradient is None else gradient.norm().item() for gradient in gradients)
    return Look(loss.item(), dict(zip(pulling, norms, strict=True)))


def _found(report: Report) -> str:
    return f"triples {percentages(report.triples)}, entities {percentages(report.entities)} ({report.protocol})"


def _reasons(run: DryRun, before: Look, after: Look) -> list[str]:
    """What can be seen of the part that does not learn."""
    reasons = [*_idle_weights(run), *_unlearnt_scores(before, after)]
    if after.loss > LEARNT * before.loss:
        return [*reasons, "where all take part: try another trainer.optimizer.lr (relx find-lr) or less dropout"]
    return [*reasons, "the loss is near zero, and yet the predictions are not right: look at the head's decode"]


def _idle_weights(run: DryRun) -> list[str]:
    """Weights that the loss of the sentences does not reach."""
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


def _unlearnt_scores(before: Look, after: Look) -> list[str]:
    """The head's scores at which the loss still pulls, the hardest first."""
    shares = {name: after.pulls[name] / pull for name, pull in before.pulls.items() if pull}
    dead = [name for name, pull in before.pulls.items() if not pull]
    high = sorted((name for name, share in shares.items() if share > LEARNT), key=lambda name: -shares[name])
    found = [f"the score {name!r} is not learnt: its gradient is {shares[name]:.0%} of what it was" for name in high]
    return found + [f"the loss does not depend on the score {name!r}" for name in dead]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
