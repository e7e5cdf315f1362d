"""Whether one system is better than another on more than the sentences that happened to be in the test set.

The paired bootstrap (Efron & Tibshirani 1993, chapter 16; for corpora Koehn 2004, Berg-Kirkpatrick et al. 2012): as
many sentences as there are, drawn with replacement, make a new test set, the same for all systems, which are scored on
it; and that many times. The runs of a system, which differ by their seed, are resampled too, for each system by
itself: of n runs n - 1 are drawn with replacement, so that their mean varies as much as the mean of n runs does (Rao &
Wu 1988). Of a single run only the sentences are resampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Draws that are held at once.
AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Difference:
    """By how much a system's F1 is above another's, from 0 to 1.

    ``low`` and ``high`` bound the middle 95 % of the resampled differences. ``p`` is two-sided: how often a difference
    at least as large comes from resampling alone, were there none.
    """

    value: float
    low: float
    high: float
    p: float


def f1(counts: np.ndarray) -> np.ndarray:
    """Return F1 [...] of counts [..., 3] (predicted, gold, correct); 0 if all counts are 0."""
    predicted, gold, correct = np.moveaxis(counts, -1, 0)
    return 2 * correct / np.maximum(predicted + gold, 1e-9)


def resampled_f1(counts: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return the F1 of several runs on resampled corpora: counts [runs, sentences, 3] -> [resamples, runs]."""
    runs, sentences, _ = counts.shape
    by_sentence = counts.transpose(1, 0, 2).reshape(sentences, runs * 3).astype(np.float64)
    sums = [times @ by_sentence for times in _times_drawn(sentences, resamples, seed)]
    return f1(np.concatenate(sums).reshape(resamples, runs, 3))


def difference(system: np.ndarray, baseline: np.ndarray, resamples: int, seed: int) -> Difference:
    """Compare the mean F1 over the runs of a system with that of a baseline.

    Both counts are [runs, sentences, 3] over the same sentences.

    ``p`` counts the observed corpus as one of the resamples and so is never 0 (Davison & Hinkley 1997, chapter 4).
    """
    runs, random = len(system), np.random.default_rng([seed, 1])
    observed = f1(system.sum(axis=1)).mean() - f1(baseline.sum(axis=1)).mean()
    scores = resampled_f1(np.concatenate((system, baseline)), resamples, seed)
    drawn = _mean_of_drawn_runs(scores[:, :runs], random) - _mean_of_drawn_runs(scores[:, runs:], random)
    # What resampling alone does is the spread around the observed difference. Equal up to rounding counts as equal.
    by_chance = np.abs(drawn - observed) >= abs(observed) - 1e-12
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(observed), float(low), float(high), float((1 + by_chance.sum()) / (1 + resamples)))


def _mean_of_drawn_runs(scores: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the mean over runs that are drawn again for each resample: [resamples, runs] -> [resamples]."""
    resamples, runs = scores.shape
    if runs == 1:
        return scores[:, 0]
    drawn = random.integers(runs, size=(resamples, runs - 1))
    mean: np.ndarray = np.take_along_axis(scores, drawn, axis=1).mean(axis=1)
    return mean


def _times_drawn(sentences: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each sentence is drawn: [some of the resamples, sentences]."""
    random = np.random.default_rng(seed)
    most = max(1, AT_ONCE // sentences)
    for start in range(0, resamples, most):
        rows = min(most, resamples - start)
        drawn = random.integers(sentences, size=(rows, sentences)) + sentences * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * sentences).reshape(rows, sentences)
