"""An experiment: data, model, training and scores, as one file describes them."""

import logging
import random
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from relx import archive
from relx.data.batch import IndexedCorpus
from relx.data.example import Example
from relx.data.loader import DataLoader, padding_waste
from relx.data.vocabulary import Vocabulary
from relx.errors import TrainingError
from relx.model import JointExtractor
from relx.readers.reader import DatasetReader
from relx.registry import Lazy
from relx.runtime import prepare_process
from relx.scoring import corpus_triples, score
from relx.scoring.render import percentages
from relx.taggers.tagger import POSTagger
from relx.tokenizers.tokenizer import Tokenizer
from relx.tokenizers.whitespace import WhitespaceTokenizer
from relx.training import run_folder
from relx.training.callbacks import Callback, EpochLines, MetricsFile, ProgressBar
from relx.training.interrupts import sigterm_interrupts
from relx.training.oracle import oracle_check
from relx.training.run_folder import RunFolder
from relx.training.trainer import Metrics, Run, Trainer, TrainingState

logger = logging.getLogger(__name__)

ProtocolName = Literal[
    "exact_span", "exact_text", "begin_offset", "last_word", "first_word", "strict", "boundaries"
]


class Experiment:
    """The top level of an experiment file.

    ``protocols`` name the scores; the first one selects the best epoch. ``tokenizer`` splits raw text, in the
    data and at prediction time; ``pos_tagger`` tags sentences that come without tags, then and in training. Without
    ``validation_data_path`` there is no early stopping and the last weights are kept. The test set is scored once, at
    the end, with the best weights.
    """

    def __init__(
        self,
        dataset_reader: Lazy[DatasetReader],
        train_data_path: str,
        model: Lazy[JointExtractor],
        trainer: Trainer,
        validation_data_path: str | None = None,
        test_data_path: str | None = None,
        data_loader: DataLoader | None = None,
        tokenizer: Tokenizer | None = None,
        pos_tagger: POSTagger | None = None,
        protocols: list[ProtocolName] | None = None,
        seed: int = 13,
    ) -> None:
        if trainer.patience is not None and validation_data_path is None:
            raise ValueError("trainer.patience needs a validation_data_path to watch")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed is {seed}; it must be from 0 to 2**32 - 1")
        self.reader = dataset_reader.build(tokenizer=tokenizer or WhitespaceTokenizer())
        self.paths = {"train": train_data_path, "validation": validation_data_path, "test": test_data_path}
        self.lazy_model = model
        self.trainer = trainer
        self.loader = data_loader or DataLoader()
        self.tagger = pos_tagger
        self.protocols: Sequence[str] = protocols or ("exact_span",)
        self.seed = seed

    @sigterm_interrupts()
    def run(self, folder: RunFolder, config: dict[str, Any]) -> TrainingState:
        """Train, score and archive. ``config`` is the experiment itself, in full, for the record.

        Raises DataError for bad data, ConfigError for values that a part rejects, TrainingError for a run that cannot
        go on; the weights of its best epoch, if there was one, are archived all the same.
        """
        started = time.perf_counter()
        prepare_process()
        _seed_everything(self.seed)
        data = {split: self._read(split, path) for split, path in self.paths.items() if path is not None}
        model = self._build(data["train"])
        ceilings = self._check_oracle(model, data)
        folder.clear()
        folder.write(run_folder.CONFIG, config)
        state = self._fit(model, data, folder)
        metrics: dict[str, Any] = {
            "best_epoch": state.best_epoch,
            "epochs": state.epoch,
            "interrupted": state.interrupted,
            "failure": str(state.failure) if state.failure is not None else None,
            "seconds": round(time.perf_counter() - started, 1),
            "facts": dict(model.vocabulary.facts),
            "oracle": ceilings,
        }
        if not (state.interrupted or state.failure):
            try:
                metrics.update(self._final_scores(model, data))
            except KeyboardInterrupt:  # the weights are worth keeping without their scores too
                metrics["interrupted"] = state.interrupted = True
        folder.write(run_folder.METRICS, metrics)
        path = folder.path / run_folder.ARCHIVE
        archive.save(path, config, model, metrics)
        if state.failure is not None:
            raise TrainingError(f"{state.failure}\n{path} holds the best weights so far, of epoch {state.best_epoch}")
        return state

    def _read(self, split: str, path: str) -> list[Example]:
        examples = list(self.reader.read(path))
        empty = sum(not example.tokens for example in examples)
        if split == "train":
            examples = [example for example in examples if example.tokens]
        if not examples:
            raise TrainingError(f"{path}: holds no sentence to {'train on' if split == 'train' else 'score'}")
        triples = sum(len(example.relations) for example in examples)
        unlocated = sum(not relation.located for example in examples for relation in example.relations)
        logger.info("%s: %d sentences, %d triples", path, len(examples), triples)
        if empty or unlocated:
            logger.warning("%s: %d sentences without tokens, %d triples not located", path, empty, unlocated)
        return self.tagger.fill(examples) if self.tagger is not None else examples

    def _build(self, examples: list[Example]) -> JointExtractor:
        try:
            model = self.lazy_model.build(vocabulary=Vocabulary(examples))
        except (RuntimeError, MemoryError, OverflowError) as error:
            raise TrainingError(f"the model cannot be built: {error}") from error
        model.vocabulary.close()
        return model

    def _check_oracle(self, model: JointExtractor, data: dict[str, list[Example]]) -> dict[str, Any]:
        """What the head's scheme loses on the data that is to be learnt, and on what is to be scored."""
        ceilings: dict[str, Any] = {}
        for split in ("train", "validation"):
            if split in data:
                report = oracle_check(model.head, data[split], self.protocols[0])
                logger.info("oracle check on %s: %s", split, report)
                ceilings[split] = report.to_json()
        return ceilings

    def _fit(self, model: JointExtractor, data: dict[str, list[Example]], folder: RunFolder) -> TrainingState:
        corpus = IndexedCorpus(data["train"], model.index_labelled)
        waste = padding_waste(corpus.lengths, self.loader.plan(corpus.lengths, self.seed, 0))
        weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
        logger.info("%d weights to train; padding is %.1f%% of the batches", weights, 100 * waste)
        validation = data.get("validation")

        def validate() -> Metrics:
            assert validation is not None
            return score(validation, model.extract(validation, self.loader), self.protocols[0]).metrics()

        state = self.trainer.fit(
            Run(
                model, corpus, self.loader, self.seed,
                validate if validation is not None else None,
                lambda: folder.save_best(model),
                self._callbacks(folder),
            )
        )  # fmt: skip
        if state.best_epoch is not None:
            folder.load_best(model)
        elif state.failure is not None:
            raise state.failure
        return state

    def _callbacks(self, folder: RunFolder) -> list[Callback]:
        lines = EpochLines(self.trainer.epochs, self.protocols[0])
        metrics = MetricsFile(folder.path / run_folder.EPOCHS, self.protocols[0])
        bar = [ProgressBar(self.trainer.epochs, self.trainer.metric, self.protocols[0])] if sys.stderr.isatty() else []
        return [*bar, lines, metrics]

    def _final_scores(self, model: JointExtractor, data: dict[str, list[Example]]) -> dict[str, Any]:
        """The scores of the best weights on validation and test, under every protocol."""
        seen = set(corpus_triples(data["train"]))
        scores: dict[str, Any] = {}
        for split in ("validation", "test"):
            if split in data:
                predicted = model.extract(data[split], self.loader)
                reports = [score(data[split], predicted, protocol, seen) for protocol in self.protocols]
                scores[split] = {report.protocol: report.to_json() for report in reports}
                for report in reports:
                    logger.info("%s: triples %s (%s)", split, percentages(report.triples), report.protocol)
        return scores


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
