import json
from typing import Any

import pytest
from sample_components import MACHINE, Dense, File, Machine, Schedule, Stack

from relx.config import build, check, fill, used
from relx.errors import ConfigError, RegistrationError
from relx.registry import Injected, Lazy, Reference

TREE: dict[str, Any] = {
    "source": {"type": "file", "path": "a.txt", "limit": 4.0},
    "layer": {"type": "stack", "layers": [{"type": "dense", "size": 3.0, "rate": 1}]},
    "schedule": {"rates": {"slow": 1}},
    "sources": {"other": {"type": "file", "path": "b.txt"}},
    "widths": [1, 2.0],
}


def test_build_makes_what_the_tree_describes() -> None:
    machine = build(TREE, MACHINE)
    assert isinstance(machine, Machine)
    assert isinstance(machine.source, File)
    assert (machine.source.path, machine.source.limit, machine.source.columns) == ("a.txt", 4, None)
    assert isinstance(machine.schedule, Schedule)
    assert machine.sources is not None
    assert machine.sources["other"].path == "b.txt"


def test_numbers_arrive_in_the_type_that_was_declared() -> None:
    machine = build(TREE, MACHINE)
    assert [type(n) for n in machine.widths] == [int, int]
    assert type(machine.source.limit) is int
    assert type(machine.schedule.rates["slow"]) is float
    assert type(build({**TREE, "mode": 2.0}, MACHINE).mode) is int
    assert build({**TREE, "mode": False}, MACHINE).mode is False
    assert build({**TREE, "widths": "auto"}, MACHINE).widths == "auto"


def test_lazy_parts_are_built_when_their_values_are_known() -> None:
    lazy = build(TREE, MACHINE).layer
    assert isinstance(lazy, Lazy)
    layer = lazy.build(input_dim=7, unasked=1)
    assert isinstance(layer, Stack)
    (dense,) = layer.layers
    assert isinstance(dense, Dense)
    assert (dense.input_dim, dense.size, dense.rate) == (7, 3, 1.0)


def test_a_value_that_a_constructor_rejects_is_an_error_with_its_path() -> None:
    with pytest.raises(ConfigError, match="^schedule: epochs is negative$"):
        build({**TREE, "schedule": {"epochs": -1}}, MACHINE)
    with pytest.raises(ConfigError, match="^experiment: widths is 0$"):
        build({**TREE, "widths": 0}, MACHINE)
    tree = {**TREE, "layer": {"type": "stack", "layers": [TREE["layer"]["layers"][0], {"type": "dense", "size": 0}]}}
    with pytest.raises(ConfigError, match=r"^layer\.layers\.1: size is 0, not positive$"):
        build(tree, MACHINE).layer.build(input_dim=7)


def test_a_run_time_value_that_nobody_supplies_is_named() -> None:
    with pytest.raises(RegistrationError, match=r"layer\.layers\.0|layer: needs the run-time value 'input_dim'"):
        build(TREE, MACHINE).layer.build()


class WithArgumentCalledConstructor:
    def __init__(self, size: Injected[int], constructor: str, where: str = "here") -> None:
        self.constructor, self.where, self.size = constructor, where, size


def test_arguments_may_have_any_name() -> None:
    root = Reference(__name__, "WithArgumentCalledConstructor")
    assert build({"constructor": "a", "where": "b"}, root, size=3).constructor == "a"


def test_fill_writes_every_default_out() -> None:
    full = fill(TREE, MACHINE)
    assert full["source"] == {"type": "file", "path": "a.txt", "limit": 4, "columns": None}
    assert full["layer"]["layers"] == [
        {"type": "dense", "size": 3, "rate": 1.0, "activation": "relu", "bias": True},
    ]
    assert full["schedule"] == {"epochs": 10, "rates": {"slow": 1.0}}
    assert full["mode"] is None


def test_what_fill_writes_is_valid_and_means_the_same() -> None:
    full = json.loads(json.dumps(fill(TREE, MACHINE)))
    assert check(full, MACHINE) == []
    assert fill(full, MACHINE) == full


def test_used_lists_the_components_with_their_parts() -> None:
    names = [component.reference.name for component in used(TREE, MACHINE)]
    assert names == ["Machine", "File", "Stack", "Dense", "Schedule", "File"]
