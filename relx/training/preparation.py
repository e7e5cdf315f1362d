"""Prepare the training of an experiment: read the data, build the model, check what the head can express."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from relx import archive
from relx.annotators.annotation import annotated
from relx.challenge import hard_negatives
from relx.data.example import Example
from relx.data.vocabulary import Namespace, Vocabulary
from relx.embedders.embedder import TokenEmbedder
from relx.errors import ArchiveError, ConfigError, TrainingError, faults_in
from relx.model import JointExtractor
from relx.readers import read_files
from relx.training.checkpointing.randomness import seed_everything
from relx.training.checks.oracle import oracle_check
from relx.training.experiment import Experiment
from relx.utils.files import require_file, sha256_of

logger = logging.getLogger(__name__)

Data = dict[str, list[Example]]
"""The sentences of each split: ``train``, and ``validation`` and ``test`` where the experiment has them.

``hard_negatives`` are copies of training sentences, where the experiment asks for them.
"""


def prepare(experiment: Experiment, vocabulary_files: dict[str, Any] | None = None) -> tuple[Data, JointExtractor]:
    """Read the data and build the model, untrained; a resumed run gives the vocabulary of its checkpoint.

    The random numbers start from the seed twice: a reader may draw some, and the weights must depend neither on the
    data nor on what was found in a cache. Raises DataError, ConfigError, ArchiveError and TrainingError.
    """
    if vocabulary_files is None:
        require_sources(experiment)
    seed_everything(experiment.seed)
    data = read_data(experiment)
    if experiment.hard_negatives:
        data["hard_negatives"] = _hard_negatives(experiment, data["train"])
    seed_everything(experiment.seed)
    vocabulary = (
        Vocabulary(training_sentences(data)) if vocabulary_files is None else Vocabulary.from_files(vocabulary_files)
    )
    return data, build_model(experiment, vocabulary)


def training_sentences(data: Data) -> list[Example]:
    """Return the sentences of the training file and the hard negatives made of them."""
    return [*data["train"], *data.get("hard_negatives", ())]


def _hard_negatives(experiment: Experiment, examples: list[Example]) -> list[Example]:
    copies, counts = hard_negatives(examples, experiment.seed)
    forms = ", ".join(f"{count} {form}" for form, count in counts.items())
    logger.info("%d hard negatives are added to the training data: %s", len(copies), forms)
    return annotated(copies, experiment.tagger, experiment.parser)


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
        logger.warning("%s: holds no relation; none can be learned", path)
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
        if split in experiment.files
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
    logger.info("validation uses %s: %s", trainer.stopping.metric, cause)
    return True


def check_oracle(experiment: Experiment, model: JointExtractor, data: Data) -> dict[str, Any]:
    """Report the best score that the head allows on the training and the validation data, as JSON by split.

    Raises TrainingError for a head that loses triples without a cause.
    """
    ceilings: dict[str, Any] = {}
    for split in ("train", "validation"):
        if split in data:
            with faults_in(experiment.files[split][1]):
                report = oracle_check(model.head, data[split], experiment.protocols[0])
            report.require_no_fault(model.head)
            logger.info("oracle check on %s: %s", split, report)
            ceilings[split] = report.to_json()
    return ceilings


SHOWN = 3


def initialize(model: JointExtractor, parts: Mapping[str, str]) -> None:
    """Give named parts of a model, such as ``encoder``, the weights that the same parts have in archives.

    ``parts`` are paths of archives by dotted name. The rows of an embedder's table are found by word, character or tag:
    those that the archive lacks stay as they are. Raises ArchiveError for an archive that cannot be opened, ConfigError
    for a part that one of the models lacks, that is of another make there, or whose labels differ; the model is then as
    it was.
    """
    others = {path: archive.load(path).model for path in dict.fromkeys(parts.values())}
    transfers = [_Transfer(name, path, model, others[path]) for name, path in parts.items()]
    found = [transfer.weights() for transfer in transfers]
    for transfer, weights in zip(transfers, found, strict=True):
        transfer.own.load_state_dict(weights)
        logger.info("%s: %d weights from %s%s", transfer.name, len(weights), transfer.path, transfer.coverage())


class _Rows(NamedTuple):
    """The rows of a weight here, and the rows of the same items there."""

    own: list[int]
    other: list[int]
    total: int


class _Transfer:
    """Transfer the weights of one part from another model."""

    def __init__(self, name: str, path: str, model: JointExtractor, other: JointExtractor) -> None:
        self.name = name
        self.path = path
        self.own = self._part(model, "this model")
        self.other = self._part(other, path)
        self.rows = self._matched_rows()
        if name.partition(".")[0] == "head":
            own, there = _labels(model), _labels(other)
            self._require_equal({kind: own[kind] for kind in own.keys() - set(model.head.described)}, there)
        self._require_equal(_other_items(self.own), _other_items(self.other))

    def weights(self) -> dict[str, Tensor]:
        """Return the new weights of the part. Raises ConfigError if the two do not fit."""
        own, other = self.own.state_dict(), self.other.state_dict()
        if not own:
            raise self._error("has no weights")
        if own.keys() != other.keys():
            differences = [
                *_some("not there", own.keys() - other.keys()),
                *_some("only there", other.keys() - own.keys()),
            ]
            raise self._error(f"is of another make in {self.path}: {'; '.join(differences)}")
        wrong = [_shapes(name, own[name], other[name]) for name in own if not self._fits(name, own, other)]
        if wrong:
            raise self._error(f"has other sizes in {self.path}: {'; '.join(wrong[:SHOWN])}")
        return {name: self._taken(name, own[name], other[name]) for name in own}

    def coverage(self) -> str:
        """Describe how many rows of the tables were found."""
        found = [f"{len(rows.own)} of {rows.total} rows of {name}" for name, rows in self.rows.items() if rows.total]
        return f" ({', '.join(found)})" if found else ""

    def _part(self, model: JointExtractor, owner: str) -> nn.Module:
        try:
            return model.get_submodule(self.name)
        except AttributeError:
            known = ", ".join(name for name, module in model.named_modules() if name and name.count(".") < 2)
            raise self._error(f"is no part of {owner}; its parts are: {known}") from None

    def _matched_rows(self) -> dict[str, _Rows]:
        own, other = dict(_row_keys(self.own)), dict(_row_keys(self.other))
        matched = {}
        for name in own.keys() & other.keys():
            places = {key: place for place, key in enumerate(other[name])}
            pairs = [(place, places[key]) for place, key in enumerate(own[name]) if key in places]
            matched[name] = _Rows([here for here, _ in pairs], [there for _, there in pairs], len(own[name]))
        return matched

    def _fits(self, name: str, own: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
        first = 1 if name in self.rows else 0
        return own[name].shape[first:] == other[name].shape[first:]

    def _taken(self, name: str, own: Tensor, other: Tensor) -> Tensor:
        if name not in self.rows:
            return other
        taken = own.clone()
        taken[self.rows[name].own] = other[torch.tensor(self.rows[name].other, dtype=torch.long)].to(taken.device)
        return taken

    def _require_equal(self, own: Mapping[str, Namespace], other: Mapping[str, Namespace]) -> None:
        for name in own.keys() & other.keys():
            if own[name].items != other[name].items:
                raise self._error(
                    f"was trained on other {name} in {self.path}: "
                    f"{len(other[name])} there, {len(own[name])} here, and they must be the same, in the same order"
                )

    def _error(self, message: str) -> ConfigError:
        return ConfigError(f"trainer.init_from: {self.name!r} {message}")


def _row_keys(part: nn.Module) -> Iterator[tuple[str, list]]:
    for name, module in part.named_modules():
        if isinstance(module, TokenEmbedder):
            yield from ((f"{name}.{weight}".lstrip("."), keys) for weight, keys in module.row_keys().items())


def _labels(model: JointExtractor) -> dict[str, Namespace]:
    """Return the namespaces of the vocabulary that do not belong to the embedder."""
    owned = {id(items) for module in model.embedder.modules() for items in vars(module).values()}
    return {name: items for name, items in model.vocabulary.namespaces.items() if id(items) not in owned}


def _other_items(part: nn.Module) -> dict[str, Namespace]:
    """Return the namespaces of modules that cannot match the rows of their weights by item."""
    return {
        f"{name}.{attribute}".lstrip("."): value
        for name, module in part.named_modules()
        if not (isinstance(module, TokenEmbedder) and module.row_keys())
        for attribute, value in vars(module).items()
        if isinstance(value, Namespace)
    }


def _shapes(name: str, own: Tensor, other: Tensor) -> str:
    return f"{name} is {list(other.shape)} there, {list(own.shape)} here"


def _some(what: str, names: set[str]) -> Iterator[str]:
    if names:
        yield f"{what} {', '.join(sorted(names)[:SHOWN])}{' ...' if len(names) > SHOWN else ''}"
