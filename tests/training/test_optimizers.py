import pytest
import torch
from torch import nn

from relx import config
from relx.errors import ConfigError
from relx.registry import Reference, components
from relx.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, TorchOptimizer

NAMES = ("adam", "adamw", "rmsprop", "sgd")
TRAINER = Reference("relx.training.trainer", "Trainer")


def made(optimizer: Optimizer) -> torch.optim.Optimizer:
    return optimizer.of([nn.Parameter(torch.ones(2))])


def test_all_are_registered() -> None:
    assert tuple(components(Optimizer.__kind__)) == NAMES


@pytest.mark.parametrize(
    ("optimizer", "expected", "settings"),
    [
        (Adam(lr=0.1, weight_decay=0.2), torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.2}),
        (AdamW(lr=0.1), torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.01}),
        (RMSprop(alpha=0.9, momentum=0.5), torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "momentum": 0.5}),
        (SGD(lr=0.3, momentum=0.9), torch.optim.SGD, {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.0}),
    ],
)
def test_the_settings_arrive(optimizer: Optimizer, expected: type, settings: dict[str, float]) -> None:
    built = made(optimizer)
    assert type(built) is expected
    assert {name: built.param_groups[0][name] for name in settings} == settings


@pytest.mark.parametrize("optimizer", [Adam(lr=0.1), AdamW(lr=0.1), RMSprop(lr=0.1), SGD(lr=0.1)])
def test_a_step_goes_down(optimizer: TorchOptimizer) -> None:
    weight = nn.Parameter(torch.tensor([2.0, -3.0]))
    built = optimizer.of([weight])
    before = (weight**2).sum()
    before.backward()
    built.step()
    assert (weight**2).sum() < before


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_out_of_range_is_refused_with_its_place(name: str) -> None:
    tree = {"optimizer": {"type": name, "lr": -1}}
    config.require_valid(tree, TRAINER, "file")
    with pytest.raises(ConfigError, match=r"^optimizer: Invalid learning rate: -1"):
        config.build(tree, TRAINER)
