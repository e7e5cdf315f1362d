"""The counts of a run that did not write them down: its archive predicts once more."""

from pathlib import Path

from relx.errors import DataError
from relx.predictors.predictor import Predictor
from relx.scoring.sentences import SentenceCounts, sentence_counts
from relx.training.run_folder import ARCHIVE


def predicted_counts(run: Path, split: str) -> SentenceCounts:
    """What the best weights of a run find in a split of its data. Raises ArchiveError, and DataError for the data."""
    opened = Predictor.load(run / ARCHIVE).archive
    path, parts = opened.config.get(f"{split}_data_path"), opened.parts
    if path is None:
        raise DataError(f"{run}: its experiment has no {split}_data_path")
    gold = parts.annotated(list(parts.reader.read(path)))
    return sentence_counts(gold, opened.model.extract(gold, parts.loader), parts.protocols)
