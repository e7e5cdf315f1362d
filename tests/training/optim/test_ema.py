import copy

import pytest
import torch
from torch import nn

from relx.training.optim.ema import EMA


def model() -> nn.Module:
    torch.manual_seed(1)
    made = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).double()
    made[1].bias.requires_grad_(False)
    return made


def step(made: nn.Module) -> dict[str, torch.Tensor]:
    """Moves every weight somewhere else, and says where it was before."""
    before = {name: weight.detach().clone() for name, weight in made.named_parameters()}
    with torch.no_grad():
        for weight in made.parameters():
            weight += torch.randn_like(weight)
    return before


def weights(made: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in made.named_parameters()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_it_is_the_recursion(decay: float) -> None:
    made, ema = model(), EMA(decay)
    expected = None
    for t in range(1, 21):
        step(made)
        ema.update(made)
        now = made[0].weight.detach()
        d = min(decay, 1 - 1 / t)
        expected = now.clone() if expected is None else d * expected + (1 - d) * now
        with ema.applied(made):
            torch.testing.assert_close(made[0].weight.detach(), expected)


def test_short_runs_are_plainly_averaged() -> None:
    made, ema, seen = model(), EMA(0.99), []
    for _ in range(10):
        step(made)
        ema.update(made)
        seen.append(made[0].bias.detach().clone())
    with ema.applied(made):
        torch.testing.assert_close(made[0].bias.detach(), torch.stack(seen).mean(dim=0))


def test_afterwards_the_weights_are_the_models_own_also_after_an_error() -> None:
    made, ema = model(), EMA()
    ema.update(made)
    step(made)
    before = weights(made)
    with ema.applied(made):
        assert not equal(weights(made), before)
    assert equal(weights(made), before)
    with pytest.raises(KeyError), ema.applied(made):
        raise KeyError
    assert equal(weights(made), before)


def test_weights_that_are_not_trained_stay_what_they_are() -> None:
    made, ema = model(), EMA()
    ema.update(made)
    step(made)
    with ema.applied(made):
        own, averaged = made[1].bias.detach().clone(), made[0].bias.detach().clone()
    assert torch.equal(made[1].bias, own) and not torch.equal(made[0].bias, averaged)


def test_before_the_first_step_there_is_nothing_to_put_in() -> None:
    made = model()
    before = weights(made)
    with EMA().applied(made):
        assert equal(weights(made), before)


def test_it_goes_on_from_its_state_as_if_never_stopped() -> None:
    made, whole = model(), EMA(0.9)
    for _ in range(5):
        step(made)
        whole.update(made)
    resumed = EMA(0.9)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for _ in range(8):
        step(made)
        whole.update(made)
        resumed.update(made)
    assert resumed.steps == whole.steps == 13
    assert equal(resumed.weights, whole.weights)


def test_a_loaded_state_is_a_copy() -> None:
    made, ema = model(), EMA()
    ema.update(made)
    state = ema.state_dict()
    other = EMA()
    other.load_state_dict(state)
    step(made)
    other.update(made)
    assert equal(ema.weights, state["weights"]) and not equal(other.weights, ema.weights)


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5])
def test_a_decay_without_sense_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="it must lie between 0 and 1"):
        EMA(decay)
