import pytest
import tiny as sample
import torch
from tiny_transformer import LAYERS, transformer
from torch import nn

from relx import archive
from relx.errors import ConfigError
from relx.training.optim.optimizers import SGD, AdamW
from relx.training.optim.parameter_groups import GroupSettings, parameter_groups


def model():
    made = nn.ModuleDict({"encoder": nn.Linear(2, 3), "head": nn.Linear(3, 1), "frozen": nn.Linear(1, 1)})
    made["frozen"].requires_grad_(False)
    return made


def names(made, groups):
    """The names of the weights in each group, and the group's settings."""
    known = {id(parameter): name for name, parameter in made.named_parameters()}
    copies = [dict(group) for group in groups]
    return [({known[id(parameter)] for parameter in group.pop("params")}, group) for group in copies]


def groups_of(made, **settings):
    return parameter_groups(made.named_parameters(), {regex: GroupSettings(**s) for regex, s in settings.items()})


def test_without_groups_all_weights_that_learn_are_one():
    made = model()
    everything = {"encoder.weight", "encoder.bias", "head.weight", "head.bias"}
    assert names(made, groups_of(made)) == [(everything, {})]


def test_a_regex_takes_the_weights_in_whose_name_it_is_found():
    made = model()
    made_groups = groups_of(made, **{r"^encoder\.": {"lr": 2e-5, "weight_decay": 0.0}, r"ad\.bias": {"lr": 0.5}})
    assert names(made, made_groups) == [
        ({"encoder.weight", "encoder.bias"}, {"lr": 2e-5, "weight_decay": 0.0}),
        ({"head.bias"}, {"lr": 0.5}),
        ({"head.weight"}, {}),
    ]
    rates = [(g["lr"], g["weight_decay"]) for g in AdamW(lr=0.1, weight_decay=0.2).build(made_groups).param_groups]
    assert rates == [(2e-5, 0.0), (0.5, 0.2), (0.1, 0.2)]


def test_a_group_may_take_everything():
    made = model()
    assert len(groups_of(made, **{"": {"lr": 0.5}})) == 1


def test_the_steps_are_the_groups_own():
    made = model()
    before = {name: parameter.detach().clone() for name, parameter in made.named_parameters()}
    optimizer = SGD(lr=1.0).build(groups_of(made, **{"^head": {"lr": 0.25}}))
    for parameter in made.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    steps = {name: (before[name] - parameter).mean().item() for name, parameter in made.named_parameters()}
    assert {name: round(step, 4) for name, step in steps.items()} == {
        "encoder.weight": 1, "encoder.bias": 1, "head.weight": 0.25, "head.bias": 0.25,
        "frozen.weight": 0, "frozen.bias": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"embedder": {}}, "'embedder' matches the name of no weight; some names are: encoder.weight, encoder.bias"),
        ({"frozen": {}}, "'frozen' matches the names of frozen weights only, such as frozen.weight; leave"),
        ({"head": {}, "bias": {}}, "head.bias is matched by both 'head' and 'bias'"),
    ],
)
def test_regexes_that_do_not_fit_the_model(groups, message):
    with pytest.raises(ConfigError, match=f"^trainer.parameter_groups: {message}"):
        groups_of(model(), **groups)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1.0}, "lr is -1.0; it must not be negative"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; it must not be negative"),
        ({"lr": 1.0, "layerwise_lr_decay": 0.0}, "layerwise_lr_decay is 0.0; it must be above 0 and at most 1"),
        ({"lr": 1.0, "layerwise_lr_decay": 1.1}, "layerwise_lr_decay is 1.1; it must be above 0 and at most 1"),
        ({"layerwise_lr_decay": 0.9}, "layerwise_lr_decay needs an lr, that of the highest layer"),
        ({"frozen": True, "lr": 0.1}, "frozen weights are not trained; leave out their other settings"),
        ({"frozen": True, "lr": 0.1, "layerwise_lr_decay": 0.1}, "frozen weights are not trained"),
    ],
)
def test_settings_without_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GroupSettings(**settings)


class TestFrozen:
    def test_they_are_in_no_group_and_require_no_gradients(self):
        made = model()
        made_groups = groups_of(made, **{"^encoder": {"frozen": True}, "head.bias": {"lr": 0.5}})
        assert names(made, made_groups) == [({"head.bias"}, {"lr": 0.5}), ({"head.weight"}, {})]
        assert {name for name, parameter in made.named_parameters() if parameter.requires_grad} == {
            "head.weight", "head.bias",
        }  # fmt: skip

    def test_what_is_frozen_already_may_be_named(self):
        made = model()
        assert len(groups_of(made, **{"^frozen": {"frozen": True}})) == 1

    def test_not_everything_can_be(self):
        made = model()
        with pytest.raises(ConfigError, match="all weights are frozen; nothing is left to train"):
            groups_of(made, **{"": {"frozen": True}})
        assert made["head"].weight.requires_grad

    def test_an_error_freezes_nothing(self):
        made = model()
        with pytest.raises(ConfigError, match="is matched by both"):
            groups_of(made, **{"encoder": {"frozen": True}, "bias": {}})
        assert made["encoder"].weight.requires_grad

    def test_in_an_experiment_they_stay_as_they_were_made(self, tiny, tmp_path):
        weights = []
        for number, epochs in enumerate((1, 3)):
            groups = 'trainer.parameter_groups={"^embedder\\\\.": {"frozen": true}}'
            sample.train(tiny, tmp_path / str(number), groups, *sample.WITHOUT_VALIDATION, epochs=epochs)
            weights.append(archive.load(tmp_path / str(number) / "model.tar.gz").model.state_dict())
        for name in weights[0]:
            assert torch.equal(weights[0][name], weights[1][name]) == name.startswith("embedder."), name


class Layered(nn.Module):
    """Parts in the order of use: what comes before the layers, three layers of two parts each, what comes after."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(3, 2)
        self.layer = nn.ModuleList(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]) for _ in range(3))
        self.pooler = nn.Linear(2, 2)


class TestLayerDecay:
    def rates(self, made, **groups):
        """The rate of each weight."""
        found = names(made, groups_of(made, **groups))
        return {name: group.get("lr") for taken, group in found for name in taken}

    def test_each_layer_learns_at_a_share_of_the_rate_above(self):
        made = nn.ModuleDict({"transformer": Layered(), "head": nn.Linear(2, 2)})
        rates = self.rates(made, **{"^transformer": {"lr": 8.0, "layerwise_lr_decay": 0.5, "weight_decay": 0.1}})
        expected = {"embeddings": 1.0, "layer.0": 2.0, "layer.1": 4.0, "layer.2": 8.0, "pooler": 8.0}
        for name, rate in rates.items():
            part = next((part for part in expected if name.startswith(f"transformer.{part}")), None)
            assert rate == (expected[part] if part is not None else None), name
        [*layers, rest] = names(
            made, groups_of(made, **{"^tr": {"lr": 8.0, "layerwise_lr_decay": 0.5, "weight_decay": 0.1}})
        )
        assert [settings for _, settings in layers] == [{"lr": lr, "weight_decay": 0.1} for lr in (8.0, 4.0, 2.0, 1.0)]
        assert rest == ({"head.weight", "head.bias"}, {})

    def test_numbers_that_do_not_differ_number_no_layers(self):
        made = nn.ModuleDict({"embedders": nn.ModuleList([nn.ModuleDict({"transformer": Layered()})])})
        rates = self.rates(made, **{"": {"lr": 8.0, "layerwise_lr_decay": 0.5}})
        assert rates["embedders.0.transformer.layer.0.1.bias"] == 2.0
        assert rates["embedders.0.transformer.embeddings.weight"] == 1.0

    def test_a_group_of_some_layers_counts_from_the_highest_of_them(self):
        made = nn.ModuleDict({"transformer": Layered()})
        rates = self.rates(made, **{r"layer\.[01]\.": {"lr": 8.0, "layerwise_lr_decay": 0.5}})
        assert rates["transformer.layer.1.0.weight"] == 8.0 and rates["transformer.layer.0.0.weight"] == 4.0

    def test_layers_are_needed(self):
        with pytest.raises(ConfigError, match="'encoder' matches the weights of no numbered layers, so layerwise_lr"):
            groups_of(model(), encoder={"lr": 0.1, "layerwise_lr_decay": 0.5})

    def test_ten_layers_are_in_the_order_of_their_numbers(self):
        made = nn.ModuleDict({"layer": nn.ModuleList(nn.Linear(1, 1) for _ in range(11))})
        rates = self.rates(made, **{"": {"lr": 1.0, "layerwise_lr_decay": 0.5}})
        assert rates["layer.10.weight"] == 1.0 and rates["layer.9.weight"] == 0.5 and rates["layer.2.weight"] == 0.5**8

    def test_on_a_transformer(self):
        made = nn.ModuleDict({"embedder": transformer()})
        rates = self.rates(made, **{r"\.transformer\.": {"lr": 1.0, "layerwise_lr_decay": 0.5}})
        start = "embedder.transformer"
        assert LAYERS == 2
        assert rates[f"{start}.encoder.layer.1.attention.self.query.weight"] == 1.0
        assert rates[f"{start}.encoder.layer.0.intermediate.dense.bias"] == 0.5
        assert rates[f"{start}.embeddings.position_embeddings.weight"] == 0.25


def test_what_is_no_regular_expression_is_refused_before_any_data_is_read(tiny):
    with pytest.raises(ConfigError, match=r"^trainer: parameter_groups: '\(' is not a regular expression: missing \)"):
        sample.experiment(tiny, 'trainer.parameter_groups={"(": {}}')


def test_in_an_experiment(tiny, tmp_path):
    still = 'trainer.parameter_groups={"^embedder\\\\.": {"lr": 0}}'
    weights = []
    for number, epochs in enumerate((1, 3)):
        sample.train(tiny, tmp_path / str(number), still, *sample.WITHOUT_VALIDATION, epochs=epochs)
        weights.append(archive.load(tmp_path / str(number) / "model.tar.gz").model.state_dict())
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]) == name.startswith("embedder."), name
    with pytest.raises(ConfigError, match="trainer.parameter_groups: 'transformer' matches the name of no weight"):
        sample.train(tiny, tmp_path / "none", 'trainer.parameter_groups={"transformer": {"lr": 0}}')
