import pytest
import tiny as sample
import torch
from torch import nn

from relx import archive
from relx.errors import ConfigError
from relx.training.optimizers import SGD, AdamW
from relx.training.parameter_groups import GroupSettings, parameter_groups


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
    rates = [(g["lr"], g["weight_decay"]) for g in AdamW(lr=0.1, weight_decay=0.2).of(made_groups).param_groups]
    assert rates == [(2e-5, 0.0), (0.5, 0.2), (0.1, 0.2)]


def test_a_group_may_take_everything():
    made = model()
    assert len(groups_of(made, **{"": {"lr": 0.5}})) == 1


def test_the_steps_are_the_groups_own():
    made = model()
    before = {name: parameter.detach().clone() for name, parameter in made.named_parameters()}
    optimizer = SGD(lr=1.0).of(groups_of(made, **{"^head": {"lr": 0.25}}))
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
        ({"embedder": {}}, "'embedder' is found in the name of no weight; some are: encoder.weight, encoder.bias"),
        ({"frozen": {}}, "'frozen' is found in the name of no weight"),
        ({"head": {}, "bias": {}}, "head.bias is found by both 'head' and 'bias'"),
    ],
)
def test_regexes_that_do_not_fit_the_model(groups, message):
    with pytest.raises(ConfigError, match=f"^trainer.parameter_groups: {message}"):
        groups_of(model(), **groups)


@pytest.mark.parametrize("settings", [{"lr": -1.0}, {"weight_decay": -0.1}])
def test_negative_settings_are_refused(settings):
    with pytest.raises(ValueError, match="must not be negative"):
        GroupSettings(**settings)


def test_what_is_no_regular_expression_is_refused_before_any_data_is_read(tiny):
    with pytest.raises(ConfigError, match=r"^trainer: parameter_groups: '\(' is no regular expression: missing \)"):
        sample.experiment(tiny, 'trainer.parameter_groups={"(": {}}')


def test_in_an_experiment(tiny, tmp_path):
    still = 'trainer.parameter_groups={"^embedder\\\\.": {"lr": 0}}'
    weights = []
    for number, epochs in enumerate((1, 3)):
        sample.train(tiny, tmp_path / str(number), still, *sample.WITHOUT_VALIDATION, epochs=epochs)
        weights.append(archive.load(tmp_path / str(number) / "model.tar.gz").model.state_dict())
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]) == name.startswith("embedder."), name
    with pytest.raises(ConfigError, match="trainer.parameter_groups: 'transformer' is found in the name of no weight"):
        sample.train(tiny, tmp_path / "none", 'trainer.parameter_groups={"transformer": {"lr": 0}}')
