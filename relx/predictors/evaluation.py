"""Score a trained model on labeled sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from relx import scoring
from relx.calibration.decision import Decision
from relx.calibration.items import entity_items, relation_items
from relx.challenge import ChallengeReport, challenge_report
from relx.data.example import Example
from relx.data.windows import merged
from relx.errors import DataError
from relx.predictors.predictor import Predictor
from relx.readers import make_reader, read_files, reader_for
from relx.readers.documents import by_document
from relx.readers.reader import DatasetReader
from relx.reports.errors import errors_of, write_errors
from relx.reports.page import evaluation_page
from relx.schema import Enforcement
from relx.scoring.outcomes import outcomes
from relx.utils.files import require_file


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Hold the scores of a model on labeled sentences.

    ``reports`` has a Report for each protocol. ``gold`` and ``predicted`` are the sentences, in the same order.
    ``challenge`` holds the rates of false triples where they were asked for.
    """

    reports: Mapping[str, scoring.Report]
    gold: Sequence[Example]
    predicted: Sequence[Example]
    challenge: ChallengeReport | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Precision, recall and F1 of triples and entities under the first protocol, from 0 to 1."""
        return next(iter(self.reports.values())).metrics()

    @property
    def calibration_errors(self) -> dict[str, float | None]:
        """The expected calibration error (ECE) of the scores of triples, under the first protocol, and of entities.

        None without predictions.
        """
        rule = scoring.find_protocol(next(iter(self.reports)))
        gold, predicted = merged(self.gold), merged(self.predicted)
        of_triples = relation_items(gold, predicted, rule)
        return {"triples": of_triples.error, "entities": entity_items(gold, predicted).error}

    def to_json(self) -> dict[str, Any]:
        """Return all scores by protocol, for programs."""
        challenge = {} if self.challenge is None else {"challenge": self.challenge.to_json()}
        by_protocol = {protocol: report.to_json() for protocol, report in self.reports.items()}
        return {**by_protocol, "calibration_error": self.calibration_errors, **challenge}

    def page(
        self, title: str, facts: Iterable[tuple[str, str]] = (), candidates: Sequence[Example] | None = None
    ) -> str:
        """Return one HTML page with the scores, diagrams and every error in its sentence; it needs no network.

        ``candidates`` are predictions at a lower threshold: the curve of precision and recall then begins there.
        """
        return evaluation_page(title, self.gold, self.predicted, self.reports, facts, candidates)

    def write_errors(self, file: TextIO) -> None:
        """Write the errors under the first protocol as tab-separated values, suspected errors of gold first."""
        gold = merged(self.gold)
        found = outcomes(gold, merged(self.predicted), next(iter(self.reports)))
        write_errors(file, errors_of(found), gold)

    def __repr__(self) -> str:
        shown = (f"{name} {100 * error:.1f} %" for name, error in self.calibration_errors.items() if error is not None)
        errors = f"expected calibration error of the scores: {', '.join(shown) or 'nothing is predicted'}"
        tables = [scoring.render(*self.reports.values()), errors, *([str(self.challenge)] if self.challenge else [])]
        return "\n\n".join(tables)

    def _repr_html_(self) -> str:
        challenge = self.challenge._repr_html_() if self.challenge else ""
        return scoring.render_html(*self.reports.values()) + challenge


def score_predictions(
    predictor: Predictor,
    gold: Sequence[Example],
    protocols: Iterable[str] | None = None,
    train: Iterable[Example] | None = None,
    decision: Decision | None = None,
    challenge: bool = False,
    enforcement: Enforcement | None = None,
) -> Evaluation:
    """Predict labeled sentences and score the predictions, by default under the protocols of the experiment.

    With ``train`` the reports also score the triples that the training sentences do not hold. ``decision`` is by
    default that of the archive, with its thresholds if it is calibrated. With ``challenge`` the model also predicts
    changed copies of the sentences. ``enforcement`` drops the predicted relations that break a schema. Raises
    UnknownProtocol, and DataError for sentences that lack what the model or a protocol needs.
    """
    parts = predictor.archive.parts
    annotated = parts.annotated(list(gold))
    predicted = enforced(enforcement, predictor.extract_all(annotated, decision))
    names = parts.protocols if protocols is None else protocols
    reports = scoring.score_all(annotated, predicted, names, train)

    def extract(copies: list[Example]) -> list[Example]:
        try:
            found = predictor.extract_all(parts.annotated(copies), decision, "changed sentences")
            return found if enforcement is None else enforced(Enforcement(enforcement.schema), found)
        except DataError as error:
            raise DataError(f"challenge: the changed sentences have no given tags and trees: {error}") from None

    challenged = challenge_report(annotated, predicted, extract) if challenge else None
    return Evaluation(reports, annotated, predicted, challenged)


def enforced(enforcement: Enforcement | None, sentences: list[Example]) -> list[Example]:
    """Return sentences without the relations that break a schema; those of one document are judged together."""
    if enforcement is None:
        return sentences
    return [kept for _, text in by_document(sentences) for kept in enforcement.sentences(text)]


def read_labeled(
    paths: Iterable[str | Path], predictor: Predictor, reader: str | None = None
) -> dict[str, list[Example]]:
    """Read labeled files. Raises one DataError for the faults of all of them.

    The default is the reader of the experiment, or another one if only that recognizes the file.
    """
    parts = predictor.archive.parts
    named = make_reader(reader, parts.tokenizer, parts.splitter) if reader is not None else None
    return read_files({str(path): (named or _reader_of(path, predictor), path) for path in paths})


def _reader_of(path: str | Path, predictor: Predictor) -> DatasetReader:
    require_file(path, "name the form of its records (--reader), or write it to a file")
    parts = predictor.archive.parts
    if parts.reader.recognizes(path):
        return parts.reader
    try:
        return make_reader(reader_for(path), parts.tokenizer, parts.splitter)
    except DataError:  # the reader of a plugin need not recognize its form
        return parts.reader
