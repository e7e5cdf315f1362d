"""The runs that a user names, of one or of several seeds; systems, which are such runs, and how they differ."""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relx.comparison.bootstrap import Difference, difference
from relx.errors import DataError
from relx.scoring.counts import Counts
from relx.scoring.sentences import SentenceCounts
from relx.training.checkpointing.run_folder import CONFIG, METRICS

logger = logging.getLogger(__name__)

RATIOS = ("precision", "recall", "f1")


def runs_in(path: Path) -> list[Path]:
    """Return the folder itself if it is a run, or else the runs in it, such as those of ``relx train --seeds``.

    Raises DataError if there is none.
    """
    inside = path.iterdir() if path.is_dir() else ()
    runs = [path] if _is_run(path) else sorted(filter(_is_run, inside), key=_by_number)
    if not runs:
        raise DataError(f"{path}: neither the folder of a run nor a folder of such folders")
    return runs


def finished_runs(path: Path) -> list[Path]:
    """Return the finished runs in a folder; warn about each of the others.

    Raises DataError if there is none.
    """
    runs = runs_in(path)
    finished = [run for run in runs if _is_finished(run)]
    if not finished:
        raise DataError(f"{path}: not finished; continue it with relx train --recover")
    for run in runs:
        if run not in finished:
            logger.warning("%s: not finished; left out", run)
    return finished


def read_json(path: Path) -> Any:
    """Read a JSON file of a run. Raises DataError for a missing or damaged file."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is damaged: not JSON") from None


def _is_run(path: Path) -> bool:
    return (path / CONFIG).is_file()


def _is_finished(run: Path) -> bool:
    if not (run / METRICS).is_file():
        return False
    metrics = read_json(run / METRICS)
    if not isinstance(metrics, dict):
        raise DataError(f"{run / METRICS}: is damaged: not an object")
    return not (metrics.get("interrupted") or metrics.get("failure"))


def _by_number(path: Path) -> list[int | str]:
    """Return a sort key that puts seed_2 before seed_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


@dataclass(frozen=True)
class Scores:
    """Of several runs, from 0 to 1: the mean, the standard deviation (None for a single run), the best."""

    mean: float
    deviation: float | None
    best: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Scores":
        """Summarize the scores of at least one run."""
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), deviation, max(values))


@dataclass(frozen=True)
class System:
    """Runs under one name; ``against`` is the difference from the first system, which itself has none."""

    name: str
    runs: int
    precision: Scores
    recall: Scores
    f1: Scores
    against: Difference | None


@dataclass(frozen=True)
class Comparison:
    """Systems under one protocol, on a corpus of so many sentences."""

    protocol: str
    sentences: int
    resamples: int
    systems: list[System]


def compare(
    runs: Mapping[str, Sequence[SentenceCounts]], protocol: str | None, resamples: int, seed: int
) -> Comparison:
    """Compare systems, given by name with the counts of each of their runs; the first is what others are held against.

    The protocol is by default the first one of the first run that all have. Raises DataError when the runs do not share
    it, and when they were not tested on the same sentences with the same triples.
    """
    _require_same_sentences(runs)
    every = [counts for found in runs.values() for counts in found]
    protocol = _shared_protocol(every, protocol)
    arrays = {name: np.stack([_as_array(counts, protocol) for counts in found]) for name, found in runs.items()}
    _require_same_gold(arrays)
    baseline, *others = arrays.values()
    differences = [None, *(difference(other, baseline, resamples, seed) for other in others)]
    systems = [_system(name, counts, gain) for (name, counts), gain in zip(arrays.items(), differences, strict=True)]
    return Comparison(protocol, baseline.shape[1], resamples, systems)


def _system(name: str, counts: np.ndarray, against: Difference | None) -> System:
    totals = [Counts(*map(int, run)) for run in counts.sum(axis=1)]
    precision, recall, f1 = (Scores.of([getattr(run, ratio) for run in totals]) for ratio in RATIOS)
    return System(name, len(totals), precision, recall, f1, against)


def _shared_protocol(runs: Iterable[SentenceCounts], wanted: str | None) -> str:
    first, *others = runs
    shared = [name for name in first.by_protocol if all(name in run.by_protocol for run in others)]
    if not shared:
        raise DataError("the runs share no protocol; name one in the protocols of their experiments")
    if wanted is not None and wanted not in shared:
        raise DataError(f"not all runs were scored under the protocol {wanted!r}; they share: {', '.join(shared)}")
    return wanted or shared[0]


def _as_array(counts: SentenceCounts, protocol: str) -> np.ndarray:
    """[sentences, 3] predicted, gold, correct."""
    return np.array([(row.predicted, row.gold, row.correct) for row in counts.by_protocol[protocol]])


def _require_same_sentences(runs: Mapping[str, Sequence[SentenceCounts]]) -> None:
    first, *_ = runs
    known = _corpus(runs[first][0])
    for name, found in runs.items():
        if any(_corpus(counts) != known for counts in found):
            raise DataError(f"{name} and {first} were not tested on the same sentences")


def _corpus(counts: SentenceCounts) -> tuple[str, int]:
    """Return what tells a corpus from others: its tokens and its number of sentences."""
    return counts.corpus, max(map(len, counts.by_protocol.values()), default=0)


def _require_same_gold(arrays: Mapping[str, np.ndarray]) -> None:
    first, *_ = arrays
    for name, counts in arrays.items():
        if (counts[:, :, 1] != arrays[first][0, :, 1]).any():
            raise DataError(f"{name} and {first} were not tested against the same gold triples")
