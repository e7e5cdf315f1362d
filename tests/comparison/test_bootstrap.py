import math
from itertools import product

import numpy as np
import pytest

from relx.comparison.bootstrap import AT_ONCE, difference, f1, resampled_f1


def hits(*correct: int) -> np.ndarray:
    """One run over sentences of one gold and one predicted triple each, so that F1 is the share of correct ones."""
    return np.array([[[1, 1, hit] for hit in correct]])


def random_counts(runs: int, sentences: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    predicted, gold = (random.integers(0, 5, size=(runs, sentences)) for _ in range(2))
    return np.stack((predicted, gold, random.integers(0, np.minimum(predicted, gold) + 1)), axis=-1)


def test_f1_is_that_of_counts() -> None:
    assert f1(np.array([[4, 2, 1], [0, 0, 0], [3, 3, 3]])).tolist() == pytest.approx([1 / 3, 0, 1])


class TestResampling:
    def test_it_is_the_slow_one(self) -> None:
        counts = random_counts(3, 17, 1)
        random, expected = np.random.default_rng(5), []
        for drawn in random.integers(17, size=(40, 17)):
            sums = [sum(run[sentence] for sentence in drawn) for run in counts]
            expected.append([2 * c / (p + g) for p, g, c in sums])
        np.testing.assert_allclose(resampled_f1(counts, 40, 5), expected, rtol=1e-12)

    def test_a_seed_decides(self) -> None:
        counts = random_counts(1, 30, 2)
        one, same, other = (resampled_f1(counts, 50, seed) for seed in (1, 1, 2))
        assert np.array_equal(one, same) and not np.array_equal(one, other)

    def test_many_draws_are_made_in_parts(self) -> None:
        sentences = 1000
        resamples = AT_ONCE // sentences + 7
        found = resampled_f1(random_counts(2, sentences, 3), resamples, 1)
        assert found.shape == (resamples, 2)
        assert len(np.unique(found[:, 0])) > 0.9 * resamples

    def test_runs_meet_the_same_sentences(self) -> None:
        counts = random_counts(1, 30, 2)
        found = resampled_f1(np.concatenate((counts, counts)), 50, 1)
        assert np.array_equal(found[:, 0], found[:, 1])


class TestDifference:
    def test_a_system_does_not_differ_from_itself(self) -> None:
        counts = random_counts(1, 50, 4)
        found = difference(counts, counts, 1000, 1)
        assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)

    def test_one_that_is_better_on_every_sentence_is_better_on_every_corpus(self) -> None:
        found = difference(hits(*[1] * 40), hits(*[0] * 40), 999, 1)
        assert (found.value, found.low, found.high, found.p) == (1, 1, 1, 1 / 1000)

    @pytest.mark.parametrize(
        ("system", "baseline"), [((1, 1, 1, 0, 1, 0), (0, 1, 0, 0, 0, 1)), ((1, 1, 0, 0, 1), (0, 0, 0, 0, 1))]
    )
    def test_p_and_interval_are_those_of_all_possible_corpora(
        self, system: tuple[int, ...], baseline: tuple[int, ...]
    ) -> None:
        gains = np.subtract(system, baseline)
        possible = np.array([np.mean(corpus) for corpus in product(gains, repeat=len(gains))])
        value = gains.mean()
        found = difference(hits(*system), hits(*baseline), 40_000, 1)
        assert found.value == pytest.approx(value)
        assert found.p == pytest.approx(np.mean(np.abs(possible - value) >= value - 1e-9), abs=0.01)
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(possible, (0.025, 0.975))), abs=1e-9)

    @pytest.mark.parametrize("wins", [50, 60, 75])
    def test_on_large_corpora_it_is_the_normal_distributions(self, wins: int) -> None:
        sentences, losses = 2000, 50
        system = hits(*[1] * wins, *[0] * losses, *[1] * (sentences - wins - losses))
        baseline = hits(*[0] * wins, *[1] * losses, *[1] * (sentences - wins - losses))
        found = difference(system, baseline, 20_000, 3)
        mean = (wins - losses) / sentences
        deviation = math.sqrt(((wins + losses) / sentences - mean**2) / sentences)
        # The difference is a multiple of 1 / sentences, so that half a step belongs to the tail.
        tail = math.erfc((abs(mean) - 0.5 / sentences) / deviation / math.sqrt(2)) if mean else 1.0
        assert found.p == pytest.approx(tail, abs=0.015)
        assert found.low == pytest.approx(mean - 1.96 * deviation, abs=0.002)
        assert found.high == pytest.approx(mean + 1.96 * deviation, abs=0.002)

    def test_false_alarms_are_as_rare_as_promised(self) -> None:
        random, alarms = np.random.default_rng(1), 0
        for number in range(300):
            system, baseline = (hits(*random.integers(0, 2, size=100)) for _ in range(2))
            alarms += difference(system, baseline, 300, number).p < 0.05
        assert 3 <= alarms <= 28

    def test_the_runs_of_a_system_count_with_their_mean(self) -> None:
        good, bad = hits(*[1] * 30), hits(*[0] * 30)
        assert difference(np.concatenate((good, bad)), bad, 200, 1).value == 0.5

    def test_which_is_which_turns_the_sign(self) -> None:
        one, other = random_counts(1, 60, 6), random_counts(2, 60, 7)
        there, back = difference(one, other, 500, 1), difference(other, one, 500, 1)
        assert there.p == back.p
        assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


class TestRuns:
    def test_a_difference_that_runs_of_one_system_show_too_is_chance(self) -> None:
        """Every sentence agrees, so that only the runs vary: 1, 1, 0 against 0, 1, 0."""
        good, bad = hits(*[1] * 500), hits(*[0] * 500)
        found = difference(np.concatenate((good, good, bad)), np.concatenate((bad, good, bad)), 5000, 1)
        assert found.value == pytest.approx(1 / 3)
        assert found.p > 0.3 and found.low < 0 < found.high

    def test_the_spread_is_that_of_the_mean_of_the_runs(self) -> None:
        """The mean of n runs has the variance s^2 / n, and so have the means of n - 1 runs that are drawn."""
        runs = np.concatenate([hits(*[hit] * 40) for hit in (1, 0, 0, 0, 0)])
        found = difference(runs, hits(*[0] * 40), 40_000, 1)
        possible = np.array([np.mean(drawn) for drawn in product((1, 0, 0, 0, 0), repeat=4)])
        assert np.std(possible) == pytest.approx(np.std([1, 0, 0, 0, 0], ddof=1) / math.sqrt(5))
        assert (found.low, found.high) == tuple(np.quantile(possible, (0.025, 0.975)))

    def test_runs_that_agree_add_nothing(self) -> None:
        one, other = random_counts(1, 60, 6), random_counts(1, 60, 7)
        several = np.concatenate((one, one, one))
        assert difference(several, other, 500, 1) == difference(one, other, 500, 1)
