import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny as sample
import torch
from torch import nn

from relx import config
from relx.errors import ConfigError
from relx.registry import components
from relx.training.checks.dry_run import dry_run
from relx.training.distributed import Distributed
from relx.training.optim.schedules import (
    ConstantSchedule,
    CosineSchedule,
    InverseSquareRootSchedule,
    LinearSchedule,
    ReduceOnPlateauSchedule,
    Schedule,
    SlantedTriangularSchedule,
    set_rates,
)

NAMES = ("constant", "cosine", "inverse_square_root", "linear", "reduce_on_plateau", "slanted_triangular")


def factors(schedule: Schedule, total: int) -> list[float]:
    return [schedule.factor(step, total) for step in range(total)]


def literal(warmup: int, total: int, then: Callable[[int], float]) -> list[float]:
    """n / warmup at the n-th of the first steps, and then what the schedule says of t, the steps before."""
    return [n / warmup if n <= warmup else then(n - 1) for n in range(1, total + 1)]


def test_all_are_registered() -> None:
    assert tuple(components(Schedule.__kind__)) == NAMES


@pytest.mark.parametrize(("warmup", "steps"), [(0, 0), (8, 8), (0.25, 10)])
class TestShapes:
    def test_constant(self, warmup: float, steps: int) -> None:
        assert factors(ConstantSchedule(warmup), 40) == pytest.approx(literal(steps, 40, lambda t: 1))

    def test_linear(self, warmup: float, steps: int) -> None:
        expected = literal(steps, 40, lambda t: (40 - t) / (40 - steps))
        assert factors(LinearSchedule(warmup), 40) == pytest.approx(expected)

    def test_cosine(self, warmup: float, steps: int) -> None:
        # Loshchilov & Hutter (2017), eq. 5, with a lowest rate of 0 and one period.
        expected = literal(
            steps, 40, lambda t: 0 + 0.5 * (1 - 0) * (1 + math.cos((t - steps) / (40 - steps) * math.pi))
        )
        assert factors(CosineSchedule(warmup), 40) == pytest.approx(expected)

    def test_reduce_on_plateau_without_validations(self, warmup: float, steps: int) -> None:
        assert factors(ReduceOnPlateauSchedule(warmup=warmup), 40) == pytest.approx(literal(steps, 40, lambda t: 1))


@pytest.mark.parametrize(("warmup", "steps"), [(8, 8), (0.1, 4)])
def test_inverse_square_root_is_vaswanis_over_its_peak(warmup: float, steps: int) -> None:
    def rate(number: int) -> float:  # Vaswani et al. (2017), eq. 3
        return 512**-0.5 * min(number**-0.5, number * steps**-1.5)

    expected = [rate(number) / rate(steps) for number in range(1, 41)]
    assert factors(InverseSquareRootSchedule(warmup), 40) == pytest.approx(expected)


def test_inverse_square_root_without_warmup() -> None:
    assert factors(InverseSquareRootSchedule(0), 4) == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])


@pytest.mark.parametrize("ratio", [32, 5])
def test_slanted_triangular_is_howard_and_ruders(ratio: int) -> None:
    total, cut_frac = 60, 0.1

    def rate(t: int) -> float:  # Howard & Ruder (2018), eq. 3, with a highest rate of 1
        cut = math.floor(total * cut_frac)
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
        return (1 + p * (ratio - 1)) / ratio

    assert factors(SlantedTriangularSchedule(ratio=ratio), total) == pytest.approx([rate(t) for t in range(total)])
    assert factors(SlantedTriangularSchedule(6, ratio), total) == pytest.approx([rate(t) for t in range(total)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [0, 0.5, 3, 100])
@pytest.mark.parametrize("total", [1, 2, 10])
def test_every_factor_is_above_0_and_at_most_1_however_short_the_run(name: str, warmup: float, total: int) -> None:
    schedule = components(Schedule.__kind__)[name].load()(warmup=warmup)
    assert all(0 < factor <= 1 for factor in factors(schedule, total))


def test_a_run_that_goes_on_longer_than_planned_stays_at_the_end() -> None:
    assert [schedule.factor(12, 10) for schedule in (LinearSchedule(), CosineSchedule())] == [0, 0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [-0.1, 1.5])
def test_a_warmup_without_sense_is_refused(name: str, warmup: float) -> None:
    with pytest.raises(ValueError, match=f"warmup is {warmup}; it is a share of the run below 1, or a whole number"):
        components(Schedule.__kind__)[name].load()(warmup=warmup)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"type": "reduce_on_plateau", "patience": 0}, "patience is 0; it must be at least 1"),
        ({"type": "reduce_on_plateau", "decay": 1}, "decay is 1.0; it must lie between 0 and 1"),
        ({"type": "slanted_triangular", "ratio": 0.5}, "ratio is 0.5; the highest rate is at least"),
    ],
)
def test_other_settings_without_sense_are_refused(tree: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.build_part(Schedule.__kind__, tree)


class TestPlateau:
    def history(self, schedule: ReduceOnPlateauSchedule, metrics: list[float]) -> list[float]:
        """The factor after each validation."""
        found = []
        for metric in metrics:
            schedule.observe(metric)
            found.append(schedule.factor(100, 1000))
        return found

    def test_it_falls_after_every_patience_validations_without_a_better_metric(self) -> None:
        schedule = ReduceOnPlateauSchedule(patience=2, decay=0.5)
        metrics = [0.3, 0.2, 0.3, 0.1, 0.1, 0.4, 0.4, 0.5, 0.4, 0.4]
        assert self.history(schedule, metrics) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.125]

    def test_nothing_counts_before_the_metric_has_risen_above_0(self) -> None:
        assert self.history(ReduceOnPlateauSchedule(1, 0.1), [0, 0, 0, 0.2, 0.1]) == pytest.approx([1, 1, 1, 1, 0.1])

    def test_it_goes_on_from_its_state_as_if_never_stopped(self) -> None:
        metrics = [0.3, 0.2, 0.2, 0.2, 0.1, 0.4, 0.3, 0.3, 0.3]
        whole = self.history(ReduceOnPlateauSchedule(2), metrics)
        for stop in range(len(metrics)):
            before, after = ReduceOnPlateauSchedule(2), ReduceOnPlateauSchedule(2)
            first = self.history(before, metrics[:stop])
            after.load_state_dict(json.loads(json.dumps(before.state_dict())))
            assert first + self.history(after, metrics[stop:]) == whole

    def test_it_alone_has_state_and_needs_validations(self) -> None:
        made = {name: component.load()() for name, component in components(Schedule.__kind__).items()}
        assert [name for name in NAMES if made[name].watches_validation] == ["reduce_on_plateau"]
        assert [name for name in NAMES if made[name].state_dict()] == ["reduce_on_plateau"]


class TestRates:
    def test_each_group_is_multiplied_and_keeps_its_first_rate(self) -> None:
        groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.5, 0.25)]
        optimizer = torch.optim.Adam(groups)
        for factor in (0.5, 0.1, 1.0):
            set_rates(optimizer, factor)
            assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5 * factor, 0.25 * factor])

    def test_the_first_rates_are_part_of_the_optimizers_state(self) -> None:
        def made() -> torch.optim.Optimizer:
            return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.5)

        one, other = made(), made()
        set_rates(one, 0.1)
        other.load_state_dict(one.state_dict())
        set_rates(other, 0.5)
        assert other.param_groups[0]["lr"] == 0.25


def test_an_experiment_file_can_name_them() -> None:
    made = config.build_part(Schedule.__kind__, {"type": "linear", "warmup": 500})
    assert isinstance(made, LinearSchedule)
    assert (made.warmup_steps(10_000), made.factor(499, 10_000)) == (500, 1)


@pytest.mark.parametrize(
    ("warmup", "warned"), [(101, True), (100, True), (0.999, True), (99, False), (0.9, False), (0, False)]
)
def test_a_warm_up_longer_than_the_run_is_a_warning(
    warmup: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    LinearSchedule(warmup).warn_of_long_warmup(100)
    assert ("of the run's 100 steps: the learning rate only rises, to" in caplog.text) == warned


@pytest.mark.parametrize("dry", [False, True])
def test_a_run_and_a_dry_run_warn_of_it(
    tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, dry: bool
) -> None:
    overrides = ['trainer.schedule={"type": "linear", "warmup": 1000}']
    if dry:
        dry_run(sample.experiment(tiny, *overrides, epochs=1)[0], Distributed("cpu"))
    else:
        sample.train(tiny, tmp_path / "run", *overrides, epochs=1)
    assert "trainer.schedule.warmup is 1000 of the run's 9 steps: " in caplog.text
