"""Prepare the training of an experiment: read the data, build the model, check what the head can express."""

import logging
from pathlib import Path
from typing import Any

from relx.annotators.annotation import annotated
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, TrainingError
from relx.model import JointExtractor
from relx.readers import read_files
from relx.training.checkpointing.randomness import seed_everything
from relx.training.checks.oracle import oracle_check
from relx.training.experiment import Experiment
from relx.training.initialization import initialize
from relx.utils.files import require_file, sha256_of

logger = logging.getLogger(__name__)

Data = dict[str, list[Example]]
"""The sentences of each split: ``train``, and ``validation`` and ``test`` where the experiment has them."""


def prepare(experiment: Experiment, vocabulary_files: dict[str, Any] | None = None) -> tuple[Data, JointExtractor]:
    """Read the data and build the model, untrained; a resumed run gives the vocabulary of its checkpoint.

    The random numbers start from the seed twice: a reader may draw some, and the weights must depend neither on the
    data nor on what was found in a cache. Raises DataError, ConfigError, ArchiveError and TrainingError.
    """
    if vocabulary_files is None:
        require_sources(experiment)
    seed_everything(experiment.seed)
    data = read_data(experiment)
    seed_everything(experiment.seed)
    vocabulary = Vocabulary(data["train"]) if vocabulary_files is None else Vocabulary.from_files(vocabulary_files)
    return data, build_model(experiment, vocabulary)


def require_sources(experiment: Experiment) -> None:
    """Raise RelxError for files and models that building the model needs and that do not exist."""
    embedder = experiment.lazy_model.arguments["embedder"]
    embedder.constructor.require_sources(embedder.arguments)
    for path in experiment.trainer.init_from.values():
        if not Path(path).exists():
            raise ArchiveError(f"{path}: no such archive")


def read_data(experiment: Experiment) -> Data:
    """Return the sentences of each split, with their annotations.

    Raises DataError for the faults of all files, and TrainingError for a split without sentences.
    """
    for _, path in experiment.files.values():
        require_file(path, "write it to a file: --recover, more seeds and more processes read the data again")
    found = read_files(experiment.files)
    return {split: _checked(experiment, split, examples) for split, examples in found.items()}


def _checked(experiment: Experiment, split: str, examples: list[Example]) -> list[Example]:
    """Annotate the sentences of a split; drop those without tokens from the training data."""
    path = experiment.files[split][1]
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
    return annotated(examples, experiment.tagger, experiment.parser)


def describe_data(experiment: Experiment, data: Data) -> dict[str, dict[str, Any]]:
    """Return the path, the SHA-256 and the counts of sentences and triples of each split, for the archive."""
    return {
        split: {
            "path": str(experiment.files[split][1]),
            "sha256": sha256_of(experiment.files[split][1]),
            "sentences": len(examples),
            "triples": sum(len(example.relations) for example in examples),
        }
        for split, examples in data.items()
    }


def build_model(experiment: Experiment, vocabulary: Vocabulary) -> JointExtractor:
    """Build the model, untrained. Raises ConfigError and DataError as its parts do, TrainingError for one too large.

    A model whose vocabulary comes from a checkpoint gets its weights from there too, not from ``trainer.init_from``.
    """
    from_checkpoint = not vocabulary.counting
    try:
        model = experiment.lazy_model.build(vocabulary=vocabulary)
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise TrainingError(f"the model cannot be built: {error}") from error
    model.vocabulary.close()
    if not from_checkpoint:
        initialize(model, experiment.trainer.init_from)
    return model


def judge_by_entities(experiment: Experiment, model: JointExtractor, data: Data) -> bool:
    """Judge the run by its entities where its score of triples can only be 0. Return whether this is a change."""
    trainer = experiment.trainer
    if "validation" not in data or not trainer.stopping.metric.startswith("triple"):
        return False
    bare = [split for split in ("train", "validation") if not any(e.relations for e in data[split])]
    if model.head.finds_relations and not bare:
        return False
    trainer.judge_by_entities()
    cause = f"{experiment.files[bare[0]][1]} holds no relation" if bare else "the head finds no relations"
    logger.info("validation is judged by %s: %s", trainer.stopping.metric, cause)
    return True


def check_oracle(experiment: Experiment, model: JointExtractor, data: Data) -> dict[str, Any]:
    """Report the best score that the head allows on the training and the validation data, as JSON by split.

    Raises TrainingError for a head that loses triples without a cause.
    """
    ceilings: dict[str, Any] = {}
    for split in ("train", "validation"):
        if split in data:
            report = oracle_check(model.head, data[split], experiment.protocols[0])
            report.require_no_fault(model.head)
            logger.info("oracle check on %s: %s", split, report)
            ceilings[split] = report.to_json()
    return ceilings
