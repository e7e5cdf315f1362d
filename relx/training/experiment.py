"""An experiment: data, model, training and scores, as one file describes them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from relx.annotators.annotation import annotated
from relx.annotators.parsers.parser import DependencyParser
from relx.annotators.taggers.tagger import POSTagger
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, TrainingError
from relx.model import JointExtractor
from relx.readers import read_files
from relx.readers.reader import DatasetReader
from relx.registry import Lazy
from relx.training.callbacks import Callback
from relx.training.callbacks.default import callbacks_of
from relx.training.checks.oracle import oracle_check
from relx.training.initialization import initialize
from relx.training.trainer import Trainer
from relx.utils.files import require_file

logger = logging.getLogger(__name__)

ProtocolName = Literal[
    "exact_span",
    "exact_text",
    "begin_offset",
    "last_word",
    "first_word",
    "strict",
    "boundaries",
    "symmetric_canonical",
]


class Experiment:
    """The top level of an experiment file.

    ``protocols`` name the scores; the first one selects the best epoch. ``tokenizer`` splits raw text, in the
    data and at prediction time; ``pos_tagger`` tags sentences that come without tags, then and in training, and
    ``dependency_parser`` gives all sentences their trees. Without ``validation_data_path`` there is no early stopping
    and the last weights are kept. The test set is scored once, at the end, with the best weights.
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
        dependency_parser: DependencyParser | None = None,
        protocols: list[ProtocolName] | None = None,
        seed: int = 13,
    ) -> None:
        if trainer.course.patience is not None and validation_data_path is None:
            raise ValueError("trainer.patience needs a validation_data_path to watch")
        if trainer.schedule is not None and trainer.schedule.watches_validation and validation_data_path is None:
            raise ValueError("trainer.schedule needs a validation_data_path to watch")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed is {seed}; it must be from 0 to 2**32 - 1")
        tokenizer = tokenizer or WhitespaceTokenizer()
        trained, scored = (dataset_reader.build(tokenizer=t) for t in (tokenizer, tokenizer.of_raw_text()))
        paths = {"train": train_data_path, "validation": validation_data_path, "test": test_data_path}
        self.files = {
            split: (trained if split == "train" else scored, path) for split, path in paths.items() if path is not None
        }
        self.lazy_model = model
        self.trainer = trainer
        self.loader = data_loader or DataLoader()
        self.tagger = pos_tagger
        self.parser = dependency_parser
        self.protocols: Sequence[str] = protocols or ("exact_span",)
        self.seed = seed

    def read(self) -> dict[str, list[Example]]:
        """The sentences of each split.

        Raises DataError for the faults of all files, and TrainingError for a split without sentences.
        """
        for _, path in self.files.values():
            require_file(path, "write it to a file: --recover, more seeds and more processes read the data again")
        found = read_files(self.files)
        return {split: self._checked(split, examples) for split, examples in found.items()}

    def require_sources(self) -> None:
        """Raise RelxError for files and models that building the model will need and that are not there."""
        embedder = self.lazy_model.arguments["embedder"]
        embedder.constructor.require_sources(embedder.arguments)
        for path in self.trainer.initialize.values():
            if not Path(path).exists():
                raise ArchiveError(f"{path}: no such archive")

    def build(self, vocabulary: Vocabulary) -> JointExtractor:
        """The model, untrained. Raises ConfigError and DataError as its parts do, TrainingError for one too large.

        With a vocabulary that was read back its weights are to be read back too, and are taken from no other archive.
        """
        anew = vocabulary.counting
        try:
            model = self.lazy_model.build(vocabulary=vocabulary)
        except (RuntimeError, MemoryError, OverflowError) as error:
            raise TrainingError(f"the model cannot be built: {error}") from error
        model.vocabulary.close()
        if anew:
            initialize(model, self.trainer.initialize)
        return model

    def callbacks(self, folder: Path) -> list[Callback]:
        """What watches a run in that folder. Raises ConfigError for a bad setting, MissingExtra for a package."""
        return callbacks_of(
            self.trainer.callbacks,
            folder=folder,
            epochs=self.trainer.course.epochs,
            metric=self.trainer.course.metric,
            protocol=self.protocols[0],
        )

    def judge_by_entities(self, model: JointExtractor, data: dict[str, list[Example]]) -> bool:
        """Judge the run by its entities where its score of triples can only be 0; whether this is a change."""
        if "validation" not in data or not self.trainer.course.metric.startswith("triple"):
            return False
        bare = [split for split in ("train", "validation") if not any(e.relations for e in data[split])]
        if model.head.finds_relations and not bare:
            return False
        self.trainer.judge_by_entities()
        cause = f"{self.files[bare[0]][1]} holds no relation" if bare else "the head finds no relations"
        logger.info("validation is judged by %s: %s", self.trainer.course.metric, cause)
        return True

    def check_oracle(self, model: JointExtractor, data: dict[str, list[Example]]) -> dict[str, Any]:
        """Report what the head loses on the training and the validation data, whatever its model learns.

        Raises TrainingError for a head that loses triples without a cause.
        """
        ceilings: dict[str, Any] = {}
        for split in ("train", "validation"):
            if split in data:
                report = oracle_check(model.head, data[split], self.protocols[0])
                report.require_no_fault(model.head)
                logger.info("oracle check on %s: %s", split, report)
                ceilings[split] = report.to_json()
        return ceilings

    def _checked(self, split: str, examples: list[Example]) -> list[Example]:
        """The sentences of a split with their annotations; those to train on are not empty."""
        path = self.files[split][1]
        empty = sum(not example.tokens for example in examples)
        if split == "train":
            examples = [example for example in examples if example.tokens]
        if not examples:
            raise TrainingError(f"{path}: holds no sentence to {'train on' if split == 'train' else 'score'}")
        triples = sum(len(example.relations) for example in examples)
        unlocated = sum(not relation.located for example in examples for relation in example.relations)
        logger.info("%s: %d sentences, %d triples", path, len(examples), triples)
        if split == "train" and not triples:
            logger.warning("%s: holds no relation; none can be learnt", path)
        for count, what in ((empty, "sentences without tokens"), (unlocated, "triples not located")):
            if count:
                logger.warning("%s: %d %s", path, count, what)
        return annotated(examples, self.tagger, self.parser)
