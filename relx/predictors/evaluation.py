"""Score a trained model on labelled sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relx import scoring
from relx.calibration.decision import Decision
from relx.data.example import Example
from relx.errors import DataError
from relx.predictors.predictor import Predictor
from relx.readers import make_reader, read_files, reader_for
from relx.readers.reader import DatasetReader
from relx.utils.files import require_file


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Hold the scores of a model on labelled sentences.

    ``reports`` has a Report for each protocol. ``gold`` and ``predicted`` are the sentences, in the same order.
    """

    reports: Mapping[str, scoring.Report]
    gold: Sequence[Example]
    predicted: Sequence[Example]

    @property
    def metrics(self) -> dict[str, float]:
        """Precision, recall and F1 of triples and entities under the first protocol, from 0 to 1."""
        return next(iter(self.reports.values())).metrics()

    def to_json(self) -> dict[str, Any]:
        """Return all scores by protocol, for programs."""
        return {protocol: report.to_json() for protocol, report in self.reports.items()}

    def __repr__(self) -> str:
        return scoring.render(*self.reports.values())

    def _repr_html_(self) -> str:
        return scoring.render_html(*self.reports.values())


def score_predictions(
    predictor: Predictor,
    gold: Sequence[Example],
    protocols: Iterable[str] | None = None,
    train: Iterable[Example] | None = None,
    decision: Decision | None = None,
) -> Evaluation:
    """Predict labelled sentences and score the predictions, by default under the protocols of the experiment.

    With ``train`` the reports also score the triples that the training sentences do not hold. ``decision`` is by
    default that of the archive, with its thresholds if it is calibrated. Raises UnknownProtocol, and DataError for
    sentences that lack what the model or a protocol needs.
    """
    parts = predictor.archive.parts
    annotated = parts.annotated(list(gold))
    predicted = predictor.extract(annotated, parts.loader, decision)
    names = parts.protocols if protocols is None else protocols
    return Evaluation(scoring.score_all(annotated, predicted, names, train), annotated, predicted)


def read_labelled(
    paths: Iterable[str | Path], predictor: Predictor, reader: str | None = None
) -> dict[str, list[Example]]:
    """Read labelled files. Raises one DataError for the faults of all of them.

    The default is the reader of the experiment, or another one if only that recognises the file.
    """
    parts = predictor.archive.parts
    named = make_reader(reader, parts.tokenizer) if reader is not None else None
    return read_files({str(path): (named or _reader_of(path, predictor), path) for path in paths})


def _reader_of(path: str | Path, predictor: Predictor) -> DatasetReader:
    require_file(path, "name the form of its records (--reader), or write it to a file")
    parts = predictor.archive.parts
    if parts.reader.recognises(path):
        return parts.reader
    try:
        return make_reader(reader_for(path), parts.tokenizer)
    except DataError:  # the reader of a plugin need not recognize its form
        return parts.reader
