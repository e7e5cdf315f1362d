import json
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from relx import config
from relx.errors import ConfigError
from relx.tuning.space import assignments, read_space, some_values


def read(folder: Path, content: str):
    (folder / "space.jsonnet").write_text(content)
    return read_space(folder / "space.jsonnet")


def test_each_form_is_the_distribution_that_it_says(tmp_path: Path) -> None:
    assert read(
        tmp_path,
        """{
            head: ['hmt', null, 3, false],
            lr: { low: 1e-4, high: 1e-2, log: true },
            dropout: { low: 0, high: 0.5 },
            hidden: { low: 50, high: 320, step: 50 },
            layers: { low: 1, high: 8, step: 1, log: true },
            decay: { low: 0, high: 0.5, step: 0.2 },
        }""",
    ) == {
        "head": CategoricalDistribution(["hmt", None, 3, False]),
        "lr": FloatDistribution(1e-4, 1e-2, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "hidden": IntDistribution(50, 300, step=50),
        "layers": IntDistribution(1, 8, log=True),
        "decay": FloatDistribution(0.0, 0.4, step=0.2),
    }


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("{ lr: 3 }", ["lr: expected a list of values or an object with low and high, got 3"]),
        ("{ head: ['hmt'] }", ["head: expected at least two values to choose from"]),
        ("{ head: ['hmt', ['rin']] }", ["head.1: expected a number, a string, true, false or null"]),
        (
            "{ lr: { low: '1', hihg: 2 }, head: [] }",
            [
                'lr.low: expected a number, got "1" (write 1 without quotes)',
                "lr.hihg: unknown key; did you mean 'high'?",
                "lr.high: missing; expected float",
                "head: expected at least two values",
            ],
        ),
        ("{ lr: { low: 2, high: 1 } }", ["lr: low is 2 and high 1; low must be below high"]),
        ("{ lr: { low: 1, high: 2, step: 3 } }", ["lr: step is 3; it must be above 0 and reach"]),
        ("{ lr: { low: 0, high: 2, log: true } }", ["lr: log needs a low above 0, not 0"]),
        ("{ lr: { low: 1, high: 20, log: true, step: 2 } }", ["lr: log goes with no step, or with a step of 1"]),
        ("{}", ["names no variable to search"]),
        ("[1]", ["an experiment is an object"]),
    ],
)
def test_what_is_no_space_is_refused_with_every_problem(tmp_path: Path, content: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, content)
    assert str(tmp_path / "space.jsonnet") in str(error.value)
    for problem in problems:
        assert problem in str(error.value)


@pytest.mark.parametrize("value", [1, 0.1, 1e-5, 1 / 3, True, None, "hmt", "7", "null", "a b=c", ""])
def test_values_come_back_from_the_command_line_as_they_were(tmp_path: Path, value: object) -> None:
    (tmp_path / "a.jsonnet").write_text("function(x) { x: x }")
    [text] = assignments({"x": value})
    name, _, written = text.partition("=")
    assert (name, config.load(tmp_path / "a.jsonnet", {name: written})) == ("x", {"x": value})


def test_plain_strings_need_no_quotes() -> None:
    assert list(assignments({"head": "hmt", "name": "7"})) == ["head=hmt", 'name="7"']


def test_some_values_are_possible_ones(tmp_path: Path) -> None:
    space = read(tmp_path, "{ head: ['hmt', 'rin'], lr: { low: 0.5, high: 1 }, n: { low: 2, high: 9, step: 1 } }")
    assert some_values(space) == {"head": "hmt", "lr": 0.5, "n": 2}
    json.dumps(some_values(space))
