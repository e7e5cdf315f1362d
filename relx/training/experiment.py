"""The settings of an experiment: data, model, training and scores, as one file describes them."""

from collections.abc import Sequence
from typing import Literal

from relx.annotators.parsers.parser import DependencyParser
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.taggers.tagger import POSTagger
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.loader import DataLoader
from relx.model import JointExtractor
from relx.readers.reader import DatasetReader
from relx.registry import Lazy
from relx.training.trainer import Trainer

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
    """Describe an experiment: the top level of an experiment file.

    The test set is scored once, at the end, with the best weights.

    Args:
        dataset_reader: The reader of all data files.
        train_data_path: The training data.
        model: The model.
        trainer: The trainer.
        validation_data_path: The data that select the best weights. Without them training does not stop early, and the
            last weights are kept.
        test_data_path: The data that the final model is scored on.
        data_loader: The size of the batches.
        tokenizer: The tokenizer of raw text, in the data and at prediction time; by white space unless it is given.
        sentence_splitter: The sentence splitter of documents, in the data and at prediction time; ``rules`` by default.
        pos_tagger: The tagger of sentences that come without tags, in the data and at prediction time.
        dependency_parser: The parser of all sentences, in the data and at prediction time.
        hard_negatives: Also train on changed copies of sentences that no longer state a triple: negated, with swapped
            mentions, and with the names of a related pair in the place of an unrelated one.
        protocols: The rules by which triples are counted as correct. The first one selects the best weights.
        calibrate: Whether to choose thresholds and to calibrate the scores on the validation data at the end. This
            changes neither the weights nor which of them are kept.
        seed: The seed of all random numbers.
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
        sentence_splitter: SentenceSplitter | None = None,
        pos_tagger: POSTagger | None = None,
        dependency_parser: DependencyParser | None = None,
        hard_negatives: bool = False,
        protocols: list[ProtocolName] | None = None,
        calibrate: bool = True,
        seed: int = 13,
    ) -> None:
        if trainer.stopping.patience is not None and validation_data_path is None:
            raise ValueError("trainer.patience needs a validation_data_path to watch")
        if trainer.schedule is not None and trainer.schedule.watches_validation and validation_data_path is None:
            raise ValueError("trainer.schedule needs a validation_data_path to watch")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed is {seed}; it must be from 0 to 2**32 - 1")
        if protocols is not None and (not protocols or len(set(protocols)) < len(protocols)):
            raise ValueError(f"protocols are {', '.join(protocols) or 'none'}; name at least one, and each once")
        tokenizer = tokenizer or WhitespaceTokenizer()
        splitter = sentence_splitter or RuleSplitter()
        trained, scored = (
            dataset_reader.build(tokenizer=t, sentence_splitter=splitter) for t in (tokenizer, tokenizer.of_raw_text())
        )
        paths = {"train": train_data_path, "validation": validation_data_path, "test": test_data_path}
        self.files = {
            split: (trained if split == "train" else scored, path) for split, path in paths.items() if path is not None
        }
        self.lazy_model = model
        self.trainer = trainer
        self.loader = data_loader or DataLoader()
        self.tagger = pos_tagger
        self.parser = dependency_parser
        self.hard_negatives = hard_negatives
        self.protocols: Sequence[str] = protocols or ("exact_span",)
        self.calibrate = calibrate and validation_data_path is not None
        self.seed = seed
