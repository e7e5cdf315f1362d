import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny as sample
import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.errors import ConfigError
from relx.heads.hmt import HMT
from relx.training.checks.rate_finder import RangeTest, find_rate
from relx.training.distributed import Distributed
from relx.training.train_step import TrainStep


def made(loss: Callable[[float], float], steps: int = 400) -> RangeTest:
    """A test whose losses are a function of the rate's logarithm, from -6 to 0."""
    exponents = [-6 + 6 * step / (steps - 1) for step in range(steps)]
    return RangeTest([10**exponent for exponent in exponents], [loss(exponent) for exponent in exponents], False)


class TestSuggestion:
    def test_the_steepest_fall_of_a_known_curve(self) -> None:
        found = made(lambda exponent: 1 / (1 + math.exp(4 * (exponent + 3))))
        assert math.log10(found.steepest) == pytest.approx(-3, abs=0.2)

    def test_the_lowest_point_of_a_known_curve(self) -> None:
        found = made(lambda exponent: (exponent + 2) ** 2)
        assert math.log10(found.lowest) == pytest.approx(-2, abs=0.2)

    def test_chance_at_the_start_is_no_fall(self) -> None:
        found = made(lambda exponent: (1.5 if exponent == -6 else 0) + 1 / (1 + math.exp(4 * (exponent + 3))))
        assert math.log10(found.steepest) == pytest.approx(-3, abs=0.2)

    def test_the_average_is_over_what_came_before(self) -> None:
        found = RangeTest([1.0, 2.0, 3.0], [4.0, 2.0, 6.0], False)
        weights = [0.9**2 * 0.1, 0.9 * 0.1, 0.1]
        expected = sum(w * loss for w, loss in zip(weights, (4, 2, 6), strict=True)) / sum(weights)
        assert found.smoothed == pytest.approx([4, (0.09 * 4 + 0.1 * 2) / 0.19, expected])


class TestTraining:
    def find(self, tiny: Path, low: float, high: float, steps: int, *overrides: str) -> RangeTest:
        experiment, _ = sample.experiment(tiny, *overrides)
        return find_rate(experiment, low, high, steps, Distributed("cpu"))

    def test_the_rates_grow_by_equal_factors(self, tiny: Path) -> None:
        found = self.find(tiny, 1e-4, 1e-1, 13)
        assert len(found.losses) == 13 and not found.diverged
        assert found.rates == pytest.approx([10 ** (-4 + 0.25 * step) for step in range(13)])

    def test_the_model_is_trained_at_these_rates(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        step = TrainStep.step

        def noted(train_step: TrainStep, *arguments: object):
            found = step(train_step, *arguments)
            seen.append([group["lr"] for group in train_step.optimizer.param_groups])
            return found

        monkeypatch.setattr(TrainStep, "step", noted)
        groups = 'trainer.parameter_groups={"embedder": {"lr": 0.002}}'
        found = self.find(tiny, 1e-4, 1e-1, 10, groups)
        assert [rest for _, rest in seen] == pytest.approx(found.rates)
        assert [group for group, _ in seen] == pytest.approx([rate / 10 for rate in found.rates])  # of 0.02

    def test_the_loss_of_a_model_that_learns_falls(self, tiny: Path) -> None:
        found = self.find(tiny, 1e-4, 0.1, 40, "data_loader.batch_size=12")
        assert min(found.smoothed) < 0.7 * found.smoothed[0]
        assert 1e-4 < found.steepest < 0.1

    def test_it_ends_when_the_loss_diverges(self, tiny: Path) -> None:
        wild = 'trainer.optimizer={"type": "sgd", "lr": 1}', "trainer.grad_norm=null"
        found = self.find(tiny, 1e-3, 1e6, 50, *wild)
        assert found.diverged and len(found.losses) < 50
        assert all(map(math.isfinite, found.losses))

    @pytest.mark.parametrize(("finite", "steps"), [(5, 5), (1, None)])
    def test_a_loss_that_is_not_finite_ends_it_too(
        self, tiny: Path, finite: int, steps: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loss, calls = HMT.loss, []

        def broken(head: HMT, scores: dict[str, Tensor], batch: Batch) -> Tensor:
            calls.append(1)
            return loss(head, scores, batch) * (1 if len(calls) <= finite else math.nan)

        monkeypatch.setattr(HMT, "loss", broken)
        if steps is None:
            with pytest.raises(ConfigError, match="not finite at a rate of 0.0001 already; try a lower --low"):
                self.find(tiny, 1e-4, 1e-3, 20)
        else:
            found = self.find(tiny, 1e-4, 1e-3, 20)
            assert found.diverged and len(found.losses) == len(found.rates) == steps

    def test_a_seed_decides(self, tiny: Path) -> None:
        one, same, other = (self.find(tiny, 1e-4, 0.1, 10, f"seed={seed}").losses for seed in (1, 1, 2))
        assert one == same != other

    @pytest.mark.parametrize(("low", "high", "steps"), [(0, 1, 20), (0.1, 0.1, 20), (1, 0.1, 20), (0.1, 1, 9)])
    def test_ranges_without_sense_are_refused(self, tiny: Path, low: float, high: float, steps: int) -> None:
        with pytest.raises(ConfigError, match="expected rates above 0"):
            self.find(tiny, low, high, steps)

    def test_batches_are_accumulated_as_in_training(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        step = TrainStep.step

        def noted(train_step: TrainStep, number: int, parts: list, sentences: int):
            seen.append(([part.sentences for part in parts], sentences))
            return step(train_step, number, parts, sentences)

        monkeypatch.setattr(TrainStep, "step", noted)
        self.find(tiny, 1e-4, 1e-3, 10, "trainer.gradient_accumulation_steps=2", "data_loader.batch_size=5")
        assert seen[0] == ([5, 5], 10) and len(seen) == 10


def test_no_weights_outside_change(tiny: Path) -> None:
    torch.manual_seed(3)
    experiment, _ = sample.experiment(tiny)
    find_rate(experiment, 1e-4, 1e-3, 10, Distributed("cpu"))
    assert sorted(file.name for file in tiny.parent.iterdir()) == [
        "dev.jsonl", "test.jsonl", "tiny.jsonnet", "train.jsonl",
    ]  # fmt: skip
