"""Groups of weights that are trained with settings of their own, such as a pretrained encoder's learning rate."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from relx.errors import ConfigError

SHOWN = 5


class GroupSettings:
    """What differs from the optimizer's own settings for a group of weights."""

    def __init__(self, lr: float | None = None, weight_decay: float | None = None) -> None:
        settings = {"lr": lr, "weight_decay": weight_decay}
        self.settings = {name: value for name, value in settings.items() if value is not None}
        for name, value in self.settings.items():
            if value < 0:
                raise ValueError(f"{name} is {value}; it must not be negative")


def require_regexes(groups: Iterable[str]) -> None:
    """Raise ValueError for the first that is no regular expression."""
    for regex in groups:
        try:
            re.compile(regex)
        except re.error as error:
            raise ValueError(f"parameter_groups: {regex!r} is no regular expression: {error}") from None


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]], groups: Mapping[str, GroupSettings]
) -> list[dict[str, Any]]:
    """The weights that are trained as an optimizer takes them: one group for each regex, and one for the rest.

    A regex takes the weights in whose name it is found. Raises ConfigError for one that takes none, and for a weight
    that two take.
    """
    trained = {name: parameter for name, parameter in parameters if parameter.requires_grad}
    taken = {regex: _found(regex, trained) for regex in groups}
    _require_disjoint(taken)
    rest = trained.keys() - {name for names in taken.values() for name in names}
    made = [{"params": [trained[n] for n in names], **groups[regex].settings} for regex, names in taken.items()]
    return [*made, {"params": [trained[name] for name in trained if name in rest]}] if rest else made


def _found(regex: str, trained: Iterable[str]) -> list[str]:
    names = list(trained)
    found = [name for name in names if re.search(regex, name)]
    if not found:
        some = ", ".join(names[:: max(1, len(names) // SHOWN)])
        raise ConfigError(f"trainer.parameter_groups: {regex!r} is found in the name of no weight; some are: {some}")
    return found


def _require_disjoint(taken: Mapping[str, list[str]]) -> None:
    owner: dict[str, str] = {}
    for regex, names in taken.items():
        for name in names:
            if name in owner:
                raise ConfigError(f"trainer.parameter_groups: {name} is found by both {owner[name]!r} and {regex!r}")
            owner[name] = regex
