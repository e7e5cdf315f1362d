import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Example
from relx.errors import TrainingError
from relx.training.distributed import Distributed, Precision
from relx.training.optim.ema import EMA
from relx.training.optim.schedules import LinearSchedule
from relx.training.train_step import BadLoss, Shard, TrainStep

ROWS = np.random.default_rng(1).normal(size=(7, 3))


class Regression(nn.Module):
    """Mean squared error of rows; its products are taken in the precision that is asked for."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(3, 1, dtype=dtype)
        self.seen: list[torch.dtype] = []

    def forward(self, batch: Batch) -> Tensor:
        made = self.layer(batch["rows"].to(self.layer.weight.dtype))
        self.seen.append(made.dtype)
        return (made**2).mean()


def shard(*rows: int, counting: int | None = None) -> Shard:
    examples = [Example(["word", str(row)], id=f"s{row}" if row % 2 else None) for row in rows]
    batch = Batch({"rows": torch.tensor(ROWS[list(rows)])}, torch.ones(len(rows), 2, dtype=torch.bool), examples)
    return Shard(batch, len(rows) if counting is None else counting)


def train_step(model: nn.Module, **settings) -> TrainStep:
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.pop("lr", 0.5))
    return TrainStep(model, optimizer, Distributed("cpu", settings.pop("precision", "fp32")), **settings)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1).clone() for parameter in model.parameters()])


class TestAccumulation:
    @pytest.mark.parametrize("cut", [[(0, 1, 2), (3, 4, 5, 6)], [(0,), (1, 2, 3, 4), (5,), (6,)]])
    def test_shards_of_any_size_make_the_step_of_the_whole(self, cut: list[tuple[int, ...]]) -> None:
        whole, shards = Regression(), Regression()
        expected = train_step(whole).step(0, [shard(*range(7))], 7)
        found = train_step(shards).step(0, [shard(*rows) for rows in cut], 7)
        assert found.loss == pytest.approx(expected.loss, rel=1e-12)
        torch.testing.assert_close(weights(shards), weights(whole), rtol=1e-12, atol=0)

    def test_a_shard_that_does_not_count_changes_nothing(self) -> None:
        without, with_it = Regression(), Regression()
        expected = train_step(without).step(0, [shard(0, 1)], 2)
        assert train_step(with_it).step(0, [shard(0, 1), shard(5, counting=0)], 2) == expected
        assert torch.equal(weights(with_it), weights(without))


class TestStep:
    def test_gradients_are_clipped_and_their_norm_is_told(self) -> None:
        model = Regression()
        before = weights(model)
        step = train_step(model, lr=1.0, grad_norm=0.01).step(0, [shard(*range(7))], 7)
        assert step.grad_norm is not None and step.grad_norm > 0.1
        assert (weights(model) - before).norm().item() == pytest.approx(0.01, rel=1e-3)

    def test_without_a_limit_the_norm_is_told_all_the_same_and_nothing_is_clipped(self) -> None:
        with_limit, without = Regression(), Regression()
        high = train_step(with_limit, grad_norm=1e9).step(0, [shard(0, 1)], 2).grad_norm
        assert train_step(without).step(0, [shard(0, 1)], 2).grad_norm == pytest.approx(high)
        assert torch.equal(weights(with_limit), weights(without))

    def test_the_schedule_is_asked_for_the_factor_of_each_step(self) -> None:
        taken = train_step(Regression(), schedule=LinearSchedule(), total=4)
        rates = [taken.step(number, [shard(0)], 1).lr for number in range(4)]
        assert rates == [0.5, 0.375, 0.25, 0.125]

    def test_no_gradient_is_left_over(self) -> None:
        model = Regression()
        train_step(model).step(0, [shard(0), shard(1)], 2)
        assert all(parameter.grad is None for parameter in model.parameters())

    def test_a_step_that_the_scaler_skips_has_no_norm_and_no_part_in_the_averages(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ema = EMA(0.5)
        taken = train_step(Regression(), ema=ema, grad_norm=1.0)
        monkeypatch.setattr(type(taken.optimizer), "step_was_skipped", True)  # as in fp16, which needs a GPU
        assert taken.step(0, [shard(0)], 1).grad_norm is None
        assert ema.state_dict()["steps"] == 0

    def test_averages_are_kept_and_put_in_place(self) -> None:
        model = Regression()
        taken = train_step(model, ema=EMA(0.5))
        seen = []
        for number in range(3):
            taken.step(number, [shard(number)], 1)
            seen.append(weights(model))
        last = weights(model)
        with taken.averaged_weights():
            average = weights(model)
        assert torch.equal(weights(model), last)
        torch.testing.assert_close(average, 0.5 * (0.5 * seen[0] + 0.5 * seen[1]) + 0.5 * seen[2])
        taken.load_best()
        assert torch.equal(weights(model), average)

    def test_weights_that_never_change_are_not_kept_twice(self) -> None:
        model = Regression()
        model.layer.bias.requires_grad_(False)
        taken = train_step(model)
        taken.step(0, [shard(0)], 1)
        taken.keep_best()
        assert taken.best is not None and list(taken.best) == ["layer.weight"]
        before = weights(model)
        taken.step(1, [shard(1)], 1)
        taken.load_best()
        assert torch.equal(weights(model), before)

    def test_what_was_kept_is_settled_on_and_comes_back_with_the_state(self) -> None:
        model, other = Regression(), Regression()
        taken = train_step(model)
        taken.step(0, [shard(0)], 1)
        taken.keep_best()
        best = weights(model)
        taken.step(1, [shard(1)], 1)
        resumed = train_step(other)
        resumed.load_state_dict(copy.deepcopy(taken.state_dict()))
        assert torch.equal(weights(other), weights(model)) and not torch.equal(weights(model), best)
        for each in (taken, resumed):
            each.load_best()
        assert torch.equal(weights(model), best) and torch.equal(weights(other), best)


class TestState:
    def test_it_is_taken_up_with_everything_that_follows_the_weights(self) -> None:
        def made() -> tuple[nn.Module, TrainStep]:
            model = Regression()
            optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
            settings = {"schedule": LinearSchedule(), "ema": EMA(), "total": 9}
            return model, TrainStep(model, optimizer, Distributed("cpu"), **settings)

        (one, first), (other, second) = made(), made()
        for number in range(3):
            first.step(number, [shard(number)], 1)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        assert first.step(3, [shard(4)], 1) == second.step(3, [shard(4)], 1)
        assert torch.equal(weights(one), weights(other))
        with first.averaged_weights(), second.averaged_weights():
            assert torch.equal(weights(one), weights(other))

    def test_another_length_is_refused_where_the_schedule_depends_on_it(self) -> None:
        with_schedule = [train_step(Regression(), schedule=LinearSchedule(), total=total) for total in (5, 9)]
        with pytest.raises(TrainingError, match="trainer.epochs: .* those of a run of 5 steps; with 9 they would"):
            with_schedule[1].load_state_dict(with_schedule[0].state_dict())
        without = [train_step(Regression(), total=total) for total in (5, 9)]
        without[1].load_state_dict(without[0].state_dict())


class TestPrecision:
    @pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
    def test_it_is_that_of_the_forward_pass_in_training_alone(self, precision: Precision, dtype: torch.dtype) -> None:
        model = Regression(torch.float32)
        taken = train_step(model, precision=precision)
        taken.step(0, [shard(0, 1)], 2)
        model(shard(0, 1).batch)
        assert model.seen == [dtype, torch.float32]
        assert model.layer.weight.dtype == torch.float32

    def test_fp16_needs_a_gpu(self) -> None:
        with pytest.raises(TrainingError, match="trainer.precision: fp16 needs a GPU"):
            Distributed("cpu", "fp16")


class TestTrouble:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_loss_that_is_not_finite_names_its_sentences_and_changes_nothing(self, value: float) -> None:
        model = Regression()
        before = weights(model)
        bad = shard(1, 2, 3, 4)
        bad.batch["rows"][2, 0] = value
        message = (
            r"on a batch of 5 sentences; alone, 1 of them have such a loss; the first: s3: word 3\n.*"
            "lower trainer.optimizer.lr, or a smaller trainer.grad_norm$"
        )
        with pytest.raises(BadLoss, match=message):
            train_step(model).step(0, [shard(0), bad], 5)
        assert torch.equal(weights(model), before)

    def test_sentences_without_an_id_go_by_their_number_in_the_training_data(self) -> None:
        bad = shard(4)
        bad.batch["rows"][0, 0] = math.nan
        with pytest.raises(BadLoss, match="the first: training sentence 8: word 4\n"):
            train_step(Regression()).step(0, [Shard(bad.batch, 1, [7])], 1)

    def test_where_only_the_batch_is_at_fault_its_first_sentences_are_shown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = Regression()
        forward = model.forward
        monkeypatch.setattr(model, "forward", lambda batch: forward(batch) * (math.nan if len(batch) > 1 else 1))
        message = "alone, each has a finite one; the first: a sentence: word 0; s1: word 1; a sentence: word 2\n"
        with pytest.raises(BadLoss, match=message):
            train_step(model).step(0, [shard(0, 1, 2, 3)], 4)

    @pytest.mark.parametrize(
        "error", [RuntimeError("DefaultCPUAllocator: can't allocate memory"), torch.OutOfMemoryError("x out of memory")]
    )
    def test_memory_that_does_not_suffice_is_one_error_that_says_what_to_do(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = Regression()
        taken = train_step(model)

        def fail(batch: Batch) -> Tensor:
            raise error

        monkeypatch.setattr(model, "forward", fail)
        message = "does not suffice for 3 sentences of up to 2 tokens: set a smaller data_loader.batch_size"
        with pytest.raises(TrainingError, match=message):
            taken.step(0, [shard(0, 1, 2)], 3)

    def test_other_errors_are_as_they_are(self) -> None:
        bad = shard(0)
        bad.batch.tensors["rows"] = torch.ones(1, 9)
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            train_step(Regression()).step(0, [bad], 1)
