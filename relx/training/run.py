"""An experiment carried out: from its data to an archive of the best weights."""

import logging
import time
from collections.abc import Callable
from typing import Any

from relx import archive
from relx.annotators.annotation import identities
from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import padding_waste
from relx.data.overlap import TextTriple
from relx.data.vocabulary import Vocabulary
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.scoring import corpus_triples, score
from relx.scoring.render import percentages
from relx.scoring.sentences import save_counts, sentence_counts
from relx.training.callbacks import Callback
from relx.training.checkpointing import run_folder, snapshot
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.randomness import seed_everything
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.checkpointing.state import Metrics, TrainingState
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment
from relx.training.interrupts import sigterm_interrupts
from relx.training.trainer import Run
from relx.utils.runtime import prepare_process, random_state_kept

logger = logging.getLogger(__name__)

SCORED = ("validation", "test")


@sigterm_interrupts()
def train(
    experiment: Experiment,
    folder: RunFolder,
    config: dict[str, Any],
    processes: Distributed | None = None,
    recover: bool = False,
) -> TrainingState:
    """Train, score and archive. ``config`` is the experiment itself, in full, for the record.

    With ``recover`` the run goes on from the newest checkpoint in the folder, if there is one, as if it had never
    stopped. Raises DataError for bad data, ConfigError for values that a part rejects, TrainingError for a run that
    cannot start or go on; the weights of its best epoch, if there was one, are archived all the same.
    """
    processes = processes or Distributed(precision=experiment.trainer.precision)
    return Session(experiment, config, folder, processes).run(recover)


class Session:
    """An experiment (``config`` is the same in full, for the record) in its folder, on one process or several."""

    def __init__(
        self, experiment: Experiment, config: dict[str, Any], folder: RunFolder, processes: Distributed
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.folder = folder
        self.processes = processes
        self.checkpoints = Checkpoints(folder.path / run_folder.CHECKPOINTS, experiment.trainer.keep_checkpoints)
        self.callbacks = self._make_callbacks()

    def run(self, recover: bool) -> TrainingState:
        """Train, score and archive. Raises RelxError as ``train`` says."""
        started = time.perf_counter()
        prepare_process()
        resumed = self.processes.on_main(self._newest) if recover else None
        data, model, ceilings = self.processes.each(lambda: self._prepare(resumed))
        self.processes.on_main(lambda: self.folder.start(self.config, anew=resumed is None))
        state = self._fit(model, data, resumed)
        scores = self._final_scores(model, data, state)
        metrics = {
            "best_epoch": state.best_epoch,
            "epochs": state.epoch,
            "interrupted": state.interrupted,
            "failure": str(state.failure) if state.failure is not None else None,
            "seconds": round(time.perf_counter() - started + _seconds_before(resumed), 1),
            "facts": dict(model.vocabulary.facts),
            "oracle": ceilings,
            **scores,
        }
        self.processes.on_main(lambda: self._finish(model, state, metrics))
        return state

    def _prepare(
        self, resumed: snapshot.Tree | None
    ) -> tuple[dict[str, list[Example]], JointExtractor, dict[str, Any]]:
        """The data, the model with its first weights, and what the oracle check found."""
        if resumed is None:
            self.experiment.require_sources()
        seed_everything(self.experiment.seed)  # for a reader that draws
        data = self.experiment.read()
        seed_everything(self.experiment.seed)  # what was read, or taken from a cache, does not change the weights
        model = self.experiment.build(_vocabulary(data, resumed))
        if self.experiment.judge_by_entities(model, data):
            self.callbacks = self._make_callbacks()
        return data, model, self.experiment.check_oracle(model, data)

    def _make_callbacks(self) -> list[Callback]:
        callbacks = self.experiment.callbacks(self.folder.path)  # in every process: a fault of theirs ends them all
        return callbacks if self.processes.main else []

    def _newest(self) -> snapshot.Tree | None:
        newest, path = self.checkpoints.newest(), self.folder.path
        if newest is None and (path / run_folder.ARCHIVE).exists():
            raise TrainingError(f"{path}: this run has no checkpoints any more; give --force to start anew")
        if newest is not None:
            snapshot.require_course(newest, self.experiment.trainer.course.epochs)
        return newest

    def _fit(
        self, model: JointExtractor, data: dict[str, list[Example]], resumed: snapshot.Tree | None
    ) -> TrainingState:
        corpus = TensorDataset(data["train"], model.index_labelled)
        self._log_size(model, corpus)
        about = snapshot.about(model, corpus, data.get("validation", ()), self.processes)
        if resumed is not None:
            snapshot.require_continuable(resumed, about)
        if not self.processes.main:  # what the model drew when it was built is the same everywhere
            seed_everything(self.experiment.seed, self.processes.rank)
        run = Run(
            model, corpus, self.experiment.loader, self.experiment.seed, self._validation(model, data),
            self.callbacks, self.processes, self.checkpoints, about, resumed,
        )  # fmt: skip
        return self.experiment.trainer.fit(run)

    def _log_size(self, model: JointExtractor, corpus: TensorDataset) -> None:
        plan = self.experiment.loader.plan(corpus.lengths, self.experiment.seed, 0)
        weights = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        waste = 100 * padding_waste(corpus.lengths, plan)
        logger.info("%d weights to train; padding is %.1f%% of the batches", weights, waste)

    def _validation(self, model: JointExtractor, data: dict[str, list[Example]]) -> Callable[[], Metrics] | None:
        """How the model is validated; None without a validation set."""
        gold = data.get("validation")
        if gold is None:
            return None

        def validate() -> Metrics:
            predicted = model.extract(gold, self.experiment.loader, self.processes.map)
            with random_state_kept():
                for callback in self.callbacks:
                    callback.on_validation(gold, predicted)
            return score(gold, predicted, self.experiment.protocols[0]).metrics()

        return validate

    def _final_scores(
        self, model: JointExtractor, data: dict[str, list[Example]], state: TrainingState
    ) -> dict[str, Any]:
        """Those of the best weights on validation and test, under every protocol; none for a run that was cut short."""
        if state.interrupted or state.failure:
            return {}
        try:
            seen = set(corpus_triples(data["train"]))
            return {split: self._scores(model, data[split], split, seen) for split in SCORED if split in data}
        except KeyboardInterrupt:  # the weights are worth keeping without their scores too
            if self.processes.count > 1:  # the others wait for this one's share
                raise
            state.interrupted = True
            return {}

    def _scores(self, model: JointExtractor, gold: list[Example], split: str, seen: set[TextTriple]) -> dict[str, Any]:
        predicted = model.extract(gold, self.experiment.loader, self.processes.map)
        reports = [score(gold, predicted, protocol, seen) for protocol in self.experiment.protocols]
        for report in reports:
            logger.info("%s: triples %s (%s)", split, percentages(report.triples), report.protocol)
        logger.info("%s: entities %s (%s)", split, percentages(reports[0].entities), reports[0].entity_protocol)
        counts = sentence_counts(gold, predicted, self.experiment.protocols)
        self.processes.on_main(lambda: save_counts(self.folder.path, split, counts))
        return {report.protocol: report.to_json() for report in reports}

    def _finish(self, model: JointExtractor, state: TrainingState, metrics: dict[str, Any]) -> None:
        """Write scores and archive; raise what ended the run, if it was an error."""
        if state.failure is not None and state.best is None:
            raise state.failure
        path = self.folder.path / run_folder.ARCHIVE
        self.folder.write(run_folder.METRICS, metrics)
        annotators = identities(pos_tagger=self.experiment.tagger, dependency_parser=self.experiment.parser)
        archive.save(path, self.config, model, metrics, annotators)
        if state.failure is not None:
            raise TrainingError(f"{state.failure}\n{path} holds the best weights so far, of epoch {state.best_epoch}")


def _vocabulary(data: dict[str, list[Example]], resumed: snapshot.Tree | None) -> Vocabulary:
    return Vocabulary(data["train"]) if resumed is None else Vocabulary.from_files(resumed["vocabulary"])


def _seconds_before(resumed: snapshot.Tree | None) -> float:
    seconds: float = resumed["state"]["seconds"] if resumed is not None else 0.0
    return seconds
