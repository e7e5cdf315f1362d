"""What is searched: the variables of an experiment, and the values that each may take."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from relx import config
from relx.config import Problem
from relx.config.jsonnet import parse_value
from relx.errors import ConfigError
from relx.registry import Reference
from relx.utils.text import json_text

Value = int | float | str | bool | None
Space = dict[str, BaseDistribution]


class Range:
    """Numbers from ``low`` to ``high``, both included.

    With a ``step`` only low, low + step, low + 2 step, ..., which are whole numbers if low and step are; with ``log``
    drawn so that each doubling of the value is as likely. Raises ValueError for a range that holds nothing to choose.
    """

    def __init__(self, low: float, high: float, step: float | None = None, log: bool = False) -> None:
        if low >= high:
            raise ValueError(f"low is {low:g} and high {high:g}; low must be below high")
        if step is not None and not 0 < step <= high - low:
            raise ValueError(f"step is {step:g}; it must be above 0 and reach from low to high at most")
        if log and low <= 0:
            raise ValueError(f"log needs a low above 0, not {low:g}")
        if log and step not in (None, 1):
            raise ValueError("log goes with no step, or with a step of 1 for whole numbers")
        self.low, self.high, self.step, self.log = low, high, step, log

    def distribution(self) -> BaseDistribution:
        """Return the distribution as an Optuna object."""
        if self.step is None:
            return FloatDistribution(self.low, self.high, self.log)
        highest = self.low + self.step * int((self.high - self.low) / self.step + 1e-9)
        if self.low == int(self.low) and self.step == int(self.step):
            return IntDistribution(int(self.low), int(highest), self.log, int(self.step))
        return FloatDistribution(self.low, highest, step=self.step)


RANGE = Reference("relx.tuning.space", "Range")


def read_space(path: str | Path) -> Space:
    """Read the distributions of a Jsonnet or JSON file: for each variable a list of values, or a ``Range``.

    Raises ConfigError, with every problem, for a file that is not a search space.
    """
    tree = config.load(path)
    problems = [problem for name, value in tree.items() for problem in _problems(name, value)]
    if problems:
        raise ConfigError("\n  ".join((f"{path}: not a space to search:", *map(str, problems))))
    if not tree:
        raise ConfigError(f"{path}: names no variable to search")
    return {name: _distribution(path, name, value) for name, value in tree.items()}


def assignments(values: dict[str, Value]) -> Iterable[str]:
    """Yield values in the syntax of ``--var``: strings without quotes, unless they would parse as another value."""
    for name, value in values.items():
        plain = isinstance(value, str) and parse_value(value) == value
        yield f"{name}={value if plain else json_text(value)}"


def some_values(space: Space) -> dict[str, Value]:
    """Return one of the possible choices."""
    return {name: _first(distribution) for name, distribution in space.items()}


def _problems(name: str, value: Any) -> Iterable[Problem]:
    match value:
        case list():
            if len(value) < 2:
                yield Problem(name, "expected at least two values to choose from")
            for place, item in enumerate(value):
                if isinstance(item, list | dict):
                    yield Problem(f"{name}.{place}", "expected a number, a string, true, false or null")
        case dict():
            for problem in config.check(value, RANGE):
                yield Problem(f"{name}.{problem.path}", problem.message)
        case _:
            yield Problem(name, f"expected a list of values or an object with low and high, got {json_text(value)}")


def _distribution(path: str | Path, name: str, value: Any) -> BaseDistribution:
    if isinstance(value, list):
        return CategoricalDistribution(value)
    try:
        made: Range = config.build(value, RANGE)
    except ConfigError as error:
        raise ConfigError(f"{path}: {name}: {str(error).removeprefix('experiment: ')}") from None
    return made.distribution()


def _first(distribution: BaseDistribution) -> Value:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low
