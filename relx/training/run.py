"""Train the model of an experiment: from its data to an archive of the best weights."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from relx import archive
from relx.annotators.annotation import identities
from relx.archive_file import TrainingRecord
from relx.calibration.decision import Decision
from relx.calibration.fitting import DIAGRAM, Fitted, NothingToFit, Sample, calibrate, save_diagram
from relx.config import build, fill
from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import padding_waste
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.registry import Reference
from relx.reports.page import evaluation_page
from relx.scoring import corpus_triples, find_protocol, metric_rows, score
from relx.scoring.render import percentages
from relx.scoring.sentences import save_counts, sentence_counts
from relx.training.callbacks import Callback
from relx.training.callbacks.default import callbacks_of
from relx.training.checkpointing import run_folder, snapshot
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.randomness import seed_everything
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.checkpointing.state import Metrics, TrainingState
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.interrupts import sigterm_interrupts
from relx.training.preparation import Data, check_oracle, describe_data, judge_by_entities, prepare, training_sentences
from relx.utils import html
from relx.utils.folder_lock import locked
from relx.utils.runtime import prepare_process, random_state_kept
from relx.utils.text import aligned

logger = logging.getLogger(__name__)

Page = Callable[[], str]
EXPERIMENT = Reference("relx.training.experiment", "Experiment")
CHOSEN = "chosen on the validation data"


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """The result of a training run: its folder, the archive in it, the content of ``metrics.json``, the last state.

    ``state.interrupted`` says whether the run was stopped by a signal; ``metrics`` then lack the final scores.
    ``on_main`` is False in all but the first of several processes.
    """

    folder: Path
    archive: Path
    metrics: dict[str, Any]
    state: TrainingState
    on_main: bool = True

    def __repr__(self) -> str:
        return "\n".join([str(self.archive), *aligned(metric_rows(self.metrics), left=3)])

    def _repr_html_(self) -> str:
        """Show the scores in a notebook."""
        return html.table(metric_rows(self.metrics), caption=str(self.archive))


def train_in_folder(
    tree: dict[str, Any], folder: Path, device: str | None = None, recover: bool = False, force: bool = False
) -> TrainedRun:
    """Claim and lock an output folder, and train the experiment that a checked config tree describes in it.

    ``recover`` continues the run in the folder, if there is one. ``force`` replaces it. ``device`` is a name of torch;
    the default is a GPU where there is one. Raises TrainingError for a folder that cannot be used, and whatever
    ``train`` raises. Call ``config.require_valid`` before: this function does not check the tree.
    """
    [run] = train_in_folders({folder: tree}, device, recover, force)
    return run


def train_in_folders(
    trees: Mapping[Path, dict[str, Any]], device: str | None = None, recover: bool = False, force: bool = False
) -> Iterator[TrainedRun]:
    """Train several experiments, one after the other, each in its folder, and yield each run when it ends.

    All folders are claimed and locked before the first run starts. An interrupted run is the last one. Raises as
    ``train_in_folder`` does.
    """
    experiments = {folder: build(tree, EXPERIMENT) for folder, tree in trees.items()}
    full = {folder: fill(tree, EXPERIMENT) for folder, tree in trees.items()}
    with ExitStack() as locks:

        def claim() -> None:
            for folder in trees:
                if recover:
                    RunFolder.resume(folder, full[folder])
                else:
                    RunFolder.claim(folder, force)
                locks.enter_context(locked(folder))  # after the check: a folder of something else stays as it is

        Distributed(device).on_main(claim)
        for folder, experiment in experiments.items():
            distributed = Distributed(device, experiment.trainer.precision)
            run = train(experiment, RunFolder(folder), full[folder], distributed, recover)
            yield run
            if run.state.interrupted:
                return


@sigterm_interrupts()
def train(
    experiment: Experiment,
    folder: RunFolder,
    config: dict[str, Any],
    distributed: Distributed | None = None,
    recover: bool = False,
) -> TrainedRun:
    """Train, score and archive. ``config`` is the experiment with every default filled in, for the record.

    With ``recover`` the run continues from the newest checkpoint in the folder, if there is one, as if it had never
    stopped. Raises DataError for bad data, ConfigError for values that a component rejects, and TrainingError for a run
    that cannot start or continue; the weights of its best epoch, if there was one, are archived all the same.
    """
    started = time.perf_counter()
    prepare_process()
    distributed = distributed or Distributed(precision=experiment.trainer.precision)
    checkpoints = Checkpoints(folder.path / run_folder.CHECKPOINTS, experiment.trainer.keep_checkpoints)
    # In every process and before the data is read: an error in a callback's settings stops them all.
    callbacks = callbacks_of(experiment.trainer, folder.path, experiment.protocols[0])
    resumed = distributed.on_main(lambda: _newest_checkpoint(experiment, folder, checkpoints)) if recover else None

    data, model = distributed.each(lambda: prepare(experiment, resumed and resumed["vocabulary"]))
    distributed.each(lambda: archive.require_openable(config, model))
    if judge_by_entities(experiment, model, data):
        callbacks = callbacks_of(experiment.trainer, folder.path, experiment.protocols[0])
    if not distributed.main:
        callbacks = []
    ceilings = distributed.each(lambda: check_oracle(experiment, model, data))
    sources = distributed.on_main(lambda: describe_data(experiment, data))

    distributed.on_main(lambda: folder.start(config, replace=resumed is None))
    dataset = TensorDataset(training_sentences(data), model.index_labeled, model.head.cost)
    _log_size(experiment, model, dataset)
    fingerprint = snapshot.fingerprint(model, dataset, data.get("validation", ()), distributed)
    if resumed is not None:
        snapshot.require_continuable(resumed, fingerprint)
    if not distributed.main:  # building the model drew the same numbers in every process; dropout draws its own
        seed_everything(experiment.seed, distributed.rank)
    validate = _validation(experiment, model, data.get("validation"), callbacks, distributed)
    state = experiment.trainer.fit(
        model, dataset, experiment.loader, experiment.seed,
        validate, callbacks, distributed, checkpoints, fingerprint, resumed,
    )  # fmt: skip

    results = _final_scores(experiment, model, data, state, folder, distributed)
    seconds_before = resumed["state"]["seconds"] if resumed is not None else 0.0
    metrics = {
        "best_epoch": state.best_epoch,
        "epochs": state.epoch,
        "interrupted": state.interrupted,
        "failure": str(state.failure) if state.failure is not None else None,
        "seconds": round(time.perf_counter() - started + seconds_before, 1),
        "facts": dict(model.vocabulary.facts),
        "oracle": ceilings,
        **results.scores,
    }
    distributed.on_main(lambda: _save(experiment, model, folder, config, metrics, state, sources, results))
    return TrainedRun(folder.path, folder.path / run_folder.ARCHIVE, metrics, state, distributed.main)


def _newest_checkpoint(experiment: Experiment, folder: RunFolder, checkpoints: Checkpoints) -> snapshot.Tree | None:
    """Return the checkpoint from which the run continues; None for a run that has not begun."""
    newest = checkpoints.newest()
    if newest is None and (folder.path / run_folder.ARCHIVE).exists():
        raise TrainingError(
            f"{folder.path}: this run has no checkpoints any more; start again (--force, in Python force=True)"
        )
    if newest is not None:
        snapshot.require_epochs(newest, experiment.trainer.stopping.epochs)
    return newest


def _log_size(experiment: Experiment, model: JointExtractor, dataset: TensorDataset) -> None:
    plan = experiment.loader.plan(dataset.costs, experiment.seed, 0)
    weights = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    waste = 100 * padding_waste(dataset.lengths, plan)
    logger.info("%d weights to train; padding is %.1f%% of the batches", weights, waste)


def _validation(
    experiment: Experiment,
    model: JointExtractor,
    gold: list[Example] | None,
    callbacks: Sequence[Callback],
    distributed: Distributed,
) -> Callable[[], Metrics] | None:
    """Return the function that predicts and scores the validation set; None without a validation set."""
    if gold is None:
        return None

    def validate() -> Metrics:
        predicted = model.extract(gold, experiment.loader, distributed.map)
        with random_state_kept():
            for callback in callbacks:
                callback.on_validation(gold, predicted)
        return score(gold, predicted, experiment.protocols[0]).metrics()

    return validate


@dataclass(frozen=True)
class _Results:
    """The scores of a run, its calibration, and what makes the page of its evaluation."""

    scores: dict[str, Any] = field(default_factory=dict)
    fitted: Fitted | None = None
    page: Page | None = None


def _final_scores(
    experiment: Experiment,
    model: JointExtractor,
    data: Data,
    state: TrainingState,
    folder: RunFolder,
    distributed: Distributed,
) -> _Results:
    """Score the best weights on the validation and the test set; return nothing for a run that was cut short.

    With a calibration, the test set is also scored at the thresholds that were chosen on the validation set. The page
    is that of the last scores. It is made after the model is saved.
    """
    if state.interrupted or state.failure:
        return _Results()
    seen = set(corpus_triples(data["train"]))
    pages: list[Page] = []

    def score_split(split: str, predicted: Sequence[Example], thresholds: str = "") -> dict[str, Any]:
        gold = data[split]
        reports = [score(gold, predicted, protocol, seen) for protocol in experiment.protocols]
        note = f", thresholds {thresholds}" if thresholds else ""
        for report in reports:
            logger.info("%s: triples %s (%s%s)", split, percentages(report.triples), report.protocol, note)
        rule = f"{reports[0].entity_protocol}{note}"
        logger.info("%s: entities %s (%s)", split, percentages(reports[0].entities), rule)
        title, by_protocol = f"Evaluation of {experiment.files[split][1]}", {r.protocol: r for r in reports}
        facts = [("thresholds", thresholds or "of the head")]
        pages.append(lambda: evaluation_page(title, gold, predicted, by_protocol, facts))
        return {report.protocol: report.to_json() for report in reports}

    def score_plain(split: str) -> dict[str, Any]:
        predicted = model.extract(data[split], experiment.loader, distributed.map)
        counts = sentence_counts(data[split], predicted, experiment.protocols)
        distributed.on_main(lambda: save_counts(folder.path, split, counts))
        return score_split(split, predicted)

    try:
        scores: dict[str, Any] = {split: score_plain(split) for split in ("validation", "test") if split in data}
        fitted = _calibrated(experiment, model, data, distributed)
        if fitted is not None:
            scores["calibrated"] = {"validation": dict(fitted.calibration.facts)}
            if "test" in data:
                decision = Decision(model.head.thresholds, model.vocabulary, fitted.calibration, None)
                candidates = model.extract(data["test"], experiment.loader, distributed.map, decision.at)
                scores["calibrated"]["test"] = score_split("test", list(map(decision, candidates)), CHOSEN)
    except KeyboardInterrupt:  # the weights are worth keeping without their scores too
        if distributed.count > 1:  # the other processes wait for this one's share
            raise
        state.interrupted = True
        return _Results()
    return _Results(scores, fitted, pages[-1] if pages else None)


def _calibrated(experiment: Experiment, model: JointExtractor, data: Data, distributed: Distributed) -> Fitted | None:
    """Calibrate on the validation data, unless the experiment disables it or the model predicts nothing there."""
    if not experiment.calibrate:
        return None
    rule = find_protocol(experiment.protocols[0])
    sample = Sample.of(model, data["validation"], experiment.loader, rule, distributed.map)
    try:
        fitted = calibrate(sample)
    except NothingToFit as error:
        logger.warning("the scores are not calibrated: %s", error)
        return None
    logger.info("calibration on the validation data:\n%s", fitted)
    return fitted


def _save(
    experiment: Experiment,
    model: JointExtractor,
    folder: RunFolder,
    config: dict[str, Any],
    metrics: dict[str, Any],
    state: TrainingState,
    sources: dict[str, dict[str, Any]],
    results: _Results,
) -> None:
    """Write scores, archive, page and diagram. Raises the error that ended the run, if there was one."""
    if state.failure is not None and state.best is None:
        raise state.failure
    path = folder.path / run_folder.ARCHIVE
    folder.write(run_folder.METRICS, metrics)
    annotators = identities(pos_tagger=experiment.tagger, dependency_parser=experiment.parser)
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    calibration = None if results.fitted is None else results.fitted.calibration
    archive.save(path, config, model, metrics, TrainingRecord(date, annotators, sources), calibration)
    if results.page is not None:
        folder.write_page(results.page())
    if results.fitted is not None:
        save_diagram(results.fitted, folder.path / DIAGRAM)
    if state.failure is not None:
        raise TrainingError(f"{state.failure}\n{path} holds the best weights so far, of epoch {state.best_epoch}")
