import json
from typing import Any

import pytest
from sample_components import MACHINE, Layer

from relx.commands.components import _nested as nested_parts
from relx.config import build_part, check, override, renamed, require_valid
from relx.config.jsonnet import MAX_DEPTH
from relx.errors import ConfigError
from relx.registry import Reference, components, describe, kinds

VALID: dict[str, Any] = {
    "source": {"type": "file", "path": "a.txt"},
    "layer": {"type": "stack", "layers": [{"type": "dense", "size": 3}]},
    "schedule": {"epochs": 5, "rates": {"slow": 0.1, "fast": 1}},
}


def problems(*assignments: str) -> list[str]:
    return list(map(str, check(override(VALID, assignments), MACHINE)))


def test_a_valid_tree_has_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    "assignment",
    [
        "schedule=null",
        "schedule={}",
        "schedule.epochs=3.0",
        "schedule.rates=null",
        "widths=2",
        "widths=[1,2]",
        "widths=auto",
        "mode=slow",
        "mode=2",
        "mode=false",
        "mode=null",
        'sources={"a":{"type":"file","path":"b"}}',
        "source.limit=null",
        "source.columns=[]",
    ],
)
def test_accepted_values(assignment: str) -> None:
    assert problems(assignment) == []


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("schedule.epochs=true", "schedule.epochs: expected a whole number, got true"),
        ('schedule.epochs="50"', 'schedule.epochs: expected a whole number, got "50" (write 50 without quotes)'),
        ("schedule.epochs=ten", 'schedule.epochs: expected a whole number, got "ten"'),
        ("schedule.epochs=1.5", "schedule.epochs: expected a whole number, got 1.5"),
        ("schedule.epochs=null", "schedule.epochs: expected a whole number, got null"),
        ("schedule.epochs=[1]", "schedule.epochs: expected a whole number, got a list"),
        ("schedule.rates.slow=true", "schedule.rates.slow: expected a number, got true"),
        ("schedule.rates=[1]", "schedule.rates: expected an object, got a list"),
        ("schedule=[]", "schedule: expected an object, got a list"),
        ("schedule=7", "schedule: expected an object, got 7"),
        ("schedule.epoch=5", "schedule.epoch: unknown key; did you mean 'epochs'?"),
        ("schedule.zzz=5", "schedule.zzz: unknown key; known: epochs, rates"),
        ("schedule.type=x", "schedule.type: unknown key; known: epochs, rates"),
        ("source.path=3", "source.path: expected a string, got 3"),
        ("source.columns=a", 'source.columns: expected a list, got "a"'),
        ("source.columns=[1]", "source.columns.0: expected a string, got 1"),
        ("source=[]", "source: expected a sample_source (an object with 'type'), got a list"),
        ("source.type=fil", "source.type: 'fil' is not a registered sample_source; did you mean 'file'?"),
        ("source.type=3", "source.type: expected the name of a sample_source, got 3"),
        ('source={"path":"a"}', "source: a sample_source needs the key 'type' (one of: file)"),
        ('source={"type":"file"}', "source.path: missing; expected str"),
        ("layer.layers.0.input_dim=3", "layer.layers.0.input_dim: is supplied by the program at run time; remove it"),
        ("layer.layers.0.bias=1", "layer.layers.0.bias: expected true or false, got 1"),
        ("layer.layers.0.activation=rely", "layer.layers.0.activation: \"rely\" is not a choice; did you mean 'relu'?"),
        ('layer={"type":"stack","layers":{}}', "layer.layers: expected a list, got an object"),
        ("layer.layers.0.input_dm=3", "layer.layers.0.input_dm: unknown key; known: activation, bias, rate, size"),
        ("widths=a", 'widths: expected int | "auto" | list of int, got "a"'),
        ("widths={}", 'widths: expected int | "auto" | list of int, got an object'),
        ("widths=null", 'widths: expected int | "auto" | list of int, got null'),
        ('widths=[1,"b"]', 'widths.1: expected a whole number, got "b"'),
        ("mode=true", "mode: true is not a choice; known: 2, False, slow"),
        ("mode=0", "mode: 0 is not a choice; known: 2, False, slow"),
        ('sources={"a":{"type":"fil"}}', "sources.a.type: 'fil' is not a registered sample_source; did you mean"),
    ],
)
def test_one_problem(assignment: str, expected: str) -> None:
    (problem,) = problems(assignment)
    assert problem.startswith(expected)


def test_a_dotted_path_is_no_name() -> None:
    (problem,) = problems("source.type=subprocess.Popen")
    assert "'subprocess.Popen' is not a registered sample_source" in problem
    assert "never a dotted path" in problem


def test_every_problem_is_reported_in_the_order_of_the_file() -> None:
    tree = {"sorce": 1, "layer": {"type": "dense", "size": "3", "rate": True}, "schedule": {"epochs": 1.5}}
    assert [problem.path for problem in check(tree, MACHINE)] == [
        "sorce",
        "layer.size",
        "layer.rate",
        "schedule.epochs",
        "source",
    ]


def test_a_problem_knows_where_the_broken_rule_is_defined() -> None:
    (problem,) = check(override(VALID, ["layer.layers.0.size=x"]), MACHINE)
    assert problem.origin.startswith("Dense at ")
    assert "sample_components.py:" in problem.origin


def test_require_valid_lists_all_problems_in_one_error() -> None:
    tree = override(VALID, ["schedule.epochs=x", "source.path=1"])
    with pytest.raises(ConfigError) as plain:
        require_valid(tree, MACHINE, "some.jsonnet")
    assert str(plain.value).splitlines() == [
        "some.jsonnet: 2 problems",
        "  source.path: expected a string, got 1",
        '  schedule.epochs: expected a whole number, got "x"',
    ]
    with pytest.raises(ConfigError, match=r"source.path: .* \[File at .*sample_components.py:\d+\]"):
        require_valid(tree, MACHINE, "some.jsonnet", origins=True)
    require_valid(VALID, MACHINE, "some.jsonnet")


@pytest.mark.parametrize("value", ["x" * 1000, "[" * 100_000])
def test_long_values_are_shown_in_part(value: str) -> None:
    (problem,) = problems("schedule.epochs=" + value)
    assert len(problem) < 120


def test_the_deepest_tree_that_a_file_may_hold_is_checked_in_linear_time() -> None:
    layer: dict[str, Any] = {"type": "dense", "size": "wrong"}
    for _ in range(MAX_DEPTH):
        layer = {"type": "residual", "inner": layer}
    (problem,) = check({**VALID, "layer": layer}, MACHINE)
    assert problem.path == "layer" + ".inner" * MAX_DEPTH + ".size"


def test_a_string_that_no_file_can_hold_is_a_problem() -> None:
    half = json.dumps("\ud800")
    assert problems(f"source.path={half}") == [
        'source.path: expected a string, got "\\ud800" (an unpaired surrogate is no character)'
    ]
    assert problems('source.path="a\\u0000b"') == [
        'source.path: expected a string, got "a\\u0000b" (a NUL character has no place in it)'
    ]
    (key,) = check(override(VALID, [f"schedule.rates={{{half}: 1}}"]), MACHINE)
    assert str(key).startswith("schedule.rates: the key ") and str(key).isascii()


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give keys and a component of the samples an earlier name."""
    for old, new in {"rounds": "epochs", "inner_layers": "layers", "speed": "mode"}.items():
        monkeypatch.setitem(renamed.KEYS, old, new)
    monkeypatch.setitem(renamed.VALUES, "speed", "write 2 in place of 'twice'")
    monkeypatch.setitem(renamed.COMPONENTS, "sample_layer", {"linear": "dense", "gone": "removed"})


@pytest.mark.usefixtures("earlier")
def test_names_of_earlier_versions_are_reported_with_todays_together_with_other_problems() -> None:
    layer = {"type": "stack", "inner_layers": [{"type": "linear"}, {"type": "dense", "size": "3"}]}
    assert problems("schedule.rounds=x", f"layer={json.dumps(layer)}", "speed=twice", "extra=1") == [
        "layer.inner_layers: is now called 'layers'",
        "layer.inner_layers.0.type: 'linear' is now called 'dense'",
        'layer.inner_layers.1.size: expected a whole number, got "3" (write 3 without quotes)',
        "schedule.rounds: is now called 'epochs'; expected a whole number, got \"x\"",
        "speed: is now called 'mode'; write 2 in place of 'twice'",
        "extra: unknown key; known: layer, mode, schedule, source, sources, widths",
    ]


def test_the_first_word_of_an_unknown_key_suggests_the_key_of_that_name() -> None:
    tree = {**TREE, "dependency_parser": None, "trainer": {"ema_decay": 0.9}}
    assert "trainer.ema_decay: unknown key; did you mean 'ema'?" in map(str, check(tree, EXPERIMENT))


@pytest.mark.usefixtures("earlier")
def test_an_old_name_with_no_successor_here_is_an_unknown_one() -> None:
    assert problems("source.rounds=1")[0].startswith("source.rounds: unknown key")
    assert problems("layer.type=gone")[0].startswith("layer.type: 'gone' is not a registered sample_layer")


@pytest.mark.usefixtures("earlier")
def test_an_old_name_on_the_way_of_an_override_is_reported() -> None:
    message = "override layer.inner_layers.0.size=4: the key 'inner_layers' is now called 'layers'"
    with pytest.raises(ConfigError, match=message):
        override(VALID, ["layer.inner_layers.0.size=4"])


@pytest.mark.usefixtures("earlier")
def test_an_old_name_of_a_component_is_reported_where_only_the_component_is_given() -> None:
    with pytest.raises(ConfigError, match="'linear' is now called 'dense'"):
        build_part(Layer.__kind__, "linear", input_dim=3)


EXPERIMENT = Reference("relx.training.experiment", "Experiment")
TREE: dict[str, Any] = {
    "dataset_reader": {"type": "hrl"},
    "train_data_path": "train.json",
    "dependency_parser": {"type": "chain"},
    "model": {
        "embedder": {"type": "words", "dim": 8},
        "head": {"type": "cascade", "match": {"type": "additive"}},
    },
    "trainer": {"accumulate": 2, "every": "x", "averaging": None, "initialize": None, "epochs": "3"},
}


def test_every_old_key_and_name_of_relx_is_reported_with_the_new_one() -> None:
    assert sorted(map(str, check(TREE, EXPERIMENT))) == [
        "dependency_parser.type: 'chain' is now called 'linear_chain'",
        "model.head.match.type: 'additive' is now called 'decomposed'",
        "model.head.match: is now called 'pair_scorer'",
        "trainer.accumulate: is now called 'gradient_accumulation_steps'",
        "trainer.averaging: is now called 'ema'",
        'trainer.epochs: expected a whole number, got "3" (write 3 without quotes)',
        "trainer.every: is now called 'validate_every'",
        "trainer.initialize: is now called 'init_from'",
    ]
    interactive = {**TREE["model"], "head": {"type": "interactive", "feed": "own"}}
    groups = {"parameter_groups": {"embedder": {"layer_decay": 0.9}}}
    tree = {**TREE, "dependency_parser": None, "model": interactive, "trainer": groups}
    assert list(map(str, check(tree, EXPERIMENT))) == [
        "model.head.feed: is now called 'teacher_forcing'; write true in place of 'gold' and false in place of 'own'",
        "trainer.parameter_groups.embedder.layer_decay: is now called 'layerwise_lr_decay'",
    ]


def test_a_key_that_moved_to_another_place_says_where() -> None:
    tree = {**TREE, "dataset_reader": {"type": "brat", "sentences": "marks"}, "dependency_parser": None, "trainer": {}}
    (problem,) = [str(problem) for problem in check(tree, EXPERIMENT) if problem.path == "dataset_reader.sentences"]
    assert "sentence_splitter: { type: 'rules' } in place of 'marks'" in problem
    assert problems("layer.sentences=marks")[0].startswith("layer.sentences: unknown key")


def test_the_tables_of_old_names_lead_to_names_that_there_are() -> None:
    registered = {kind.name: components(kind) for kind in kinds()}
    for kind, names in renamed.COMPONENTS.items():
        assert set(names.values()) <= registered[kind].keys()
        assert not names.keys() & registered[kind].keys()
    arguments = {p.name for found in registered.values() for component in found.values() for p in component.parameters}
    nested = nested_parts(describe(EXPERIMENT))
    arguments |= {p.name for component in nested for p in component.parameters}
    assert set(renamed.KEYS.values()) <= arguments
    for kind, key in renamed.MOVED:
        assert key not in {p.name for component in registered[kind].values() for p in component.parameters}
