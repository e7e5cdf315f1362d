import copy
import math
from typing import Any

import pytest
import torch
from torch import nn

from relx import config
from relx.errors import ConfigError
from relx.registry import Reference, components
from relx.training.optim.optimizers import SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Optimizer, RMSprop

NAMES = ("adadelta", "adafactor", "adagrad", "adam", "adamw", "rmsprop", "sgd")
TRAINER = Reference("relx.training.trainer", "Trainer")


def made(optimizer: Optimizer) -> torch.optim.Optimizer:
    return optimizer.build([nn.Parameter(torch.ones(2))])


def test_all_are_registered() -> None:
    assert tuple(components(Optimizer.__kind__)) == NAMES


@pytest.mark.parametrize(
    ("optimizer", "expected", "settings"),
    [
        (
            Adam(lr=0.1, beta1=0.8, beta2=0.9, eps=0.01, weight_decay=0.2),
            torch.optim.Adam,
            {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.2},
        ),
        (AdamW(lr=0.1), torch.optim.AdamW, {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}),
        (
            RMSprop(alpha=0.9, eps=0.01, momentum=0.5),
            torch.optim.RMSprop,
            {"lr": 1e-3, "alpha": 0.9, "eps": 0.01, "momentum": 0.5},
        ),
        (SGD(lr=0.3, momentum=0.9), torch.optim.SGD, {"lr": 0.3, "momentum": 0.9, "nesterov": False}),
        (SGD(lr=0.3, momentum=0.9, nesterov=True), torch.optim.SGD, {"nesterov": True, "weight_decay": 0.0}),
        (Adagrad(lr=0.3, weight_decay=0.1), torch.optim.Adagrad, {"lr": 0.3, "eps": 1e-10, "weight_decay": 0.1}),
        (Adadelta(rho=0.8), torch.optim.Adadelta, {"lr": 1.0, "rho": 0.8, "eps": 1e-6, "weight_decay": 0.0}),
        (Adafactor(lr=0.3, weight_decay=0.1), torch.optim.Adafactor, {"lr": 0.3, "weight_decay": 0.1}),
    ],
)
def test_the_settings_arrive(optimizer: Optimizer, expected: type, settings: dict[str, Any]) -> None:
    built = made(optimizer)
    assert isinstance(built, expected)
    assert {name: built.param_groups[0][name] for name in settings} == settings


ALL = [Adam(lr=0.1), AdamW(lr=0.1), RMSprop(lr=0.1), SGD(lr=0.1), Adagrad(lr=0.1), Adadelta(), Adafactor(lr=0.1)]


@pytest.mark.parametrize("optimizer", ALL, ids=lambda optimizer: type(optimizer).__name__)
class TestSteps:
    def test_a_step_goes_down(self, optimizer: Optimizer) -> None:
        weight = nn.Parameter(torch.tensor([2.0, -3.0]))
        built = optimizer.build([weight])
        before = (weight**2).sum()
        before.backward()
        built.step()
        assert (weight**2).sum() < before

    def test_a_resumed_run_is_the_run_never_stopped_bit_by_bit(self, optimizer: Optimizer) -> None:
        def steps(weight: nn.Parameter, built: torch.optim.Optimizer, numbers: range) -> None:
            for number in numbers:
                built.zero_grad()
                ((weight - number) ** 2).mean().backward()
                built.step()

        whole, before = (nn.Parameter(torch.ones(3, 2)) for _ in range(2))
        steps(whole, optimizer.build([whole]), range(6))
        first = optimizer.build([before])
        steps(before, first, range(4))
        after = nn.Parameter(before.detach().clone())
        second = optimizer.build([after])
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        steps(after, second, range(4, 6))
        assert torch.equal(after, whole)


def test_a_closure_is_evaluated_before_the_step() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    built = SGD(lr=0.25).build([weight])

    def closure() -> torch.Tensor:
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert built.step(closure) == 4.0
    assert weight.item() == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_out_of_range_is_refused_with_its_place(name: str) -> None:
    tree = {"optimizer": {"type": name, "lr": -1}}
    config.require_valid(tree, TRAINER, "file")
    with pytest.raises(
        ConfigError, match=r"^optimizer(\.lr)?: (Invalid learning rate: -1|Learning rate should be >= 0)"
    ):
        config.build(tree, TRAINER)


class TestDecayOfBiases:
    """AdamW with a gradient of 0: what moves, moves by its decay."""

    def moved(self, decay_biases: bool, *groups: list[str], **settings: float) -> set[str]:
        model = nn.ModuleDict({"linear": nn.Linear(2, 2), "norm": nn.LayerNorm(2), "lstm": nn.LSTM(2, 2)})
        named = dict(model.named_parameters())
        optimizer = AdamW(lr=0.1, weight_decay=0.5, decay_biases=decay_biases).build(
            [{"params": [named[name] for name in group], **settings} for group in groups] or model.parameters()
        )
        before = {name: parameter.detach().clone() for name, parameter in named.items()}
        for parameter in named.values():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        return {name for name, parameter in named.items() if not torch.equal(parameter, before[name])}

    matrices = {"linear.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0"}
    vectors = {"linear.bias", "norm.weight", "lstm.bias_ih_l0", "lstm.bias_hh_l0"}

    def test_by_default_all_decay(self) -> None:
        assert self.moved(True) == self.matrices | self.vectors

    def test_biases_and_norms_are_left_out(self) -> None:
        assert self.moved(False) == self.matrices

    def test_in_groups_with_settings_of_their_own(self) -> None:
        groups = ["linear.weight", "linear.bias"], ["norm.weight", "norm.bias"], ["lstm.weight_ih_l0"]
        assert self.moved(False, *groups, weight_decay=0.1) == {"linear.weight", "lstm.weight_ih_l0"}

    def test_the_groups_other_settings_are_kept(self) -> None:
        group = {"params": [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))], "lr": 0.5}
        optimizer = AdamW(decay_biases=False).build([group])
        found = [(len(group["params"]), group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
        assert found == [(1, 0.5, 0.01), (1, 0.5, 0.0)]


def test_adam_by_hand() -> None:
    lr, beta1, beta2, eps, decay = 0.1, 0.8, 0.9, 1e-3, 0.2
    w, m, v = 2.0, 0.0, 0.0
    weight = nn.Parameter(torch.tensor([w], dtype=torch.float64))
    built = Adam(lr, beta1, beta2, eps, decay).build([weight])
    for t in range(1, 5):
        built.zero_grad()
        (weight**3).sum().backward()
        built.step()
        g = 3 * w**2 + decay * w
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w -= lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    assert weight.item() == pytest.approx(w, rel=1e-12)
