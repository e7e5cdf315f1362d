import pytest
import torch
from torch import nn

from relx.utils.dropout import Dropout, replace_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("p", [0.04, 0.5, 0.9])
def test_a_share_of_the_numbers_is_dropped_and_the_others_and_their_gradients_are_scaled(
    p: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(1)
    inputs = torch.ones(401, 499, dtype=dtype, requires_grad=True)
    outputs = Dropout(p)(inputs)
    outputs.sum().backward()
    kept = outputs != 0
    assert outputs.dtype == dtype and torch.equal(inputs.grad, outputs)
    assert abs(kept.double().mean().item() - (1 - p)) < 0.005  # ten times its standard deviation, or nearly
    torch.testing.assert_close(outputs[kept], torch.full_like(outputs[kept], 1 / (1 - p)))


def test_neighbors_are_dropped_independently_of_each_other() -> None:
    torch.manual_seed(1)
    dropped = (Dropout(0.5)(torch.ones(2**18)) == 0).double().view(-1, 8) - 0.5
    together = dropped.T @ dropped / len(dropped) * 4  # correlations of the places in two words of random bits
    torch.testing.assert_close(together, torch.eye(8, dtype=torch.float64), rtol=0, atol=0.04)


def test_one_seed_gives_one_mask_and_the_next_one_is_another() -> None:
    layer, inputs = Dropout(0.5), torch.ones(3, 5)
    torch.manual_seed(1)
    first, second = layer(inputs), layer(inputs)
    torch.manual_seed(1)
    assert torch.equal(layer(inputs), first) and not torch.equal(first, second)


@pytest.mark.parametrize("shape", [(0,), (), (3, 0, 2), (5,)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_nothing_is_dropped_in_evaluation_or_at_a_share_of_0_and_all_at_1() -> None:
    inputs = torch.randn(4, 5)
    assert torch.equal(Dropout(0.5).eval()(inputs), inputs) and torch.equal(Dropout(0.0)(inputs), inputs)
    assert not Dropout(1.0)(inputs).any()


def test_the_dropout_of_a_module_is_replaced_with_its_share_and_its_mode() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.3), nn.ReLU()), nn.Dropout(0.2).eval())
    replace_dropout(module)
    found = [(part.p, part.training) for part in module.modules() if type(part) is Dropout]
    assert found == [(0.3, True), (0.2, False)]
    assert not any(type(part) is nn.Dropout for part in module.modules())
