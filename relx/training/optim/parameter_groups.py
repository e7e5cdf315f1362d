"""Train groups of weights with settings of their own, such as the learning rate of a pretrained encoder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from relx.errors import ConfigError

SHOWN = 5

Name = tuple[str, ...]
Parameters = Mapping[str, nn.Parameter]


class GroupSettings:
    """Give a group of weights settings that differ from those of the optimizer.

    Args:
        lr: The learning rate, in place of the optimizer's.
        weight_decay: The weight decay, in place of the optimizer's.
        layerwise_lr_decay: The factor between the learning rates of a layer and of the one above it (Howard & Ruder
            2018, section 3.2). The highest of the numbered layers in the group, and the weights after the layers, learn
            at ``lr``. The weights before the layers, such as embeddings, count as one layer more.
        frozen: Whether the weights are not trained at all.
    """

    def __init__(
        self,
        lr: float | None = None,
        weight_decay: float | None = None,
        layerwise_lr_decay: float | None = None,
        frozen: bool = False,
    ) -> None:
        settings = {"lr": lr, "weight_decay": weight_decay}
        self.settings = {name: value for name, value in settings.items() if value is not None}
        for name, value in self.settings.items():
            if value < 0:
                raise ValueError(f"{name} is {value}; it must not be negative")
        if layerwise_lr_decay is not None and not 0 < layerwise_lr_decay <= 1:
            raise ValueError(f"layerwise_lr_decay is {layerwise_lr_decay}; it must be above 0 and at most 1")
        if layerwise_lr_decay is not None and lr is None:
            raise ValueError("layerwise_lr_decay needs an lr, that of the highest layer")
        if frozen and (self.settings or layerwise_lr_decay is not None):
            raise ValueError("frozen weights are not trained; leave out their other settings")
        self.layerwise_lr_decay = layerwise_lr_decay
        self.frozen = frozen

    def groups(self, regex: str, weights: Parameters) -> list[dict[str, Any]]:
        """Return the weights as groups of an optimizer. Raises ConfigError if no layers are found for their decay."""
        if self.layerwise_lr_decay is None:
            return [{"params": list(weights.values()), **self.settings}]
        heights = height_below_top(list(weights))
        if not heights:
            raise ConfigError(
                f"trainer.parameter_groups: {regex!r} matches the weights of no numbered layers, "
                "so layerwise_lr_decay does not apply"
            )
        return [
            {
                "params": [weights[name] for name in weights if heights[name] == height],
                **self.settings,
                "lr": self.settings["lr"] * self.layerwise_lr_decay**height,
            }
            for height in sorted(set(heights.values()))
        ]


def require_regexes(groups: Iterable[str]) -> None:
    """Raise ValueError for the first one that is not a regular expression."""
    for regex in groups:
        try:
            re.compile(regex)
        except re.error as error:
            raise ValueError(f"parameter_groups: {regex!r} is not a regular expression: {error}") from None


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]], groups: Mapping[str, GroupSettings]
) -> list[dict[str, Any]]:
    """Return the trained weights as groups of an optimizer: those of each regex, and then the rest.

    A regex selects the weights in whose name it is found. Frozen weights stop requiring gradients. Raises ConfigError
    for a regex that selects none, for a weight that two select, and if no weight is left to train.
    """
    every = dict(parameters)
    trained = {name: parameter for name, parameter in every.items() if parameter.requires_grad}
    taken = {regex: _found(regex, every, trained, groups[regex].frozen) for regex in groups}
    _require_disjoint(taken)
    rest = trained.keys() - {name for names in taken.values() for name in names}
    made = [
        group
        for regex, names in taken.items()
        if not groups[regex].frozen
        for group in groups[regex].groups(regex, {name: trained[name] for name in names})
    ]
    if rest:
        made.append({"params": [trained[name] for name in trained if name in rest]})
    if not made:
        raise ConfigError("trainer.parameter_groups: all weights are frozen; nothing is left to train")
    _freeze(every[name] for regex, names in taken.items() if groups[regex].frozen for name in names)
    return made


def _freeze(weights: Iterable[nn.Parameter]) -> None:
    for weight in weights:
        weight.requires_grad_(False)


def _found(regex: str, every: Parameters, trained: Parameters, to_freeze: bool) -> list[str]:
    named = [name for name in every if re.search(regex, name)]
    if not named:
        some = ", ".join(list(every)[:: max(1, len(every) // SHOWN)])
        raise ConfigError(f"trainer.parameter_groups: {regex!r} matches the name of no weight; some names are: {some}")
    found = named if to_freeze else [name for name in named if name in trained]
    if not found:
        raise ConfigError(
            f"trainer.parameter_groups: {regex!r} matches the names of frozen weights only, such as {named[0]}; "
            "leave the group out, or have them trained (trainable: true)"
        )
    return found


def _require_disjoint(taken: Mapping[str, list[str]]) -> None:
    owner: dict[str, str] = {}
    for regex, names in taken.items():
        for name in names:
            if name in owner:
                raise ConfigError(f"trainer.parameter_groups: {name} is matched by both {owner[name]!r} and {regex!r}")
            owner[name] = regex


def height_below_top(names: Sequence[str]) -> dict[str, int]:
    """Return how many layers below the highest one each weight is: 0 for that layer and for what comes after it.

    The layers are numbered by the first part of the dotted names that is a number and differs between names with the
    same beginning, such as the 3 in ``embedders.0.encoder.layer.3.output.weight``. Modules list their parts in the
    order in which they are used: weights before the first layer lie one below the lowest, those after it that belong to
    no layer lie at the top. Empty where nothing is numbered.
    """
    split = [tuple(name.split(".")) for name in names]
    beginning = _before_the_number(split)
    if beginning is None:
        return {}
    place = len(beginning)
    layers = [int(name[place]) if _is_numbered(name, beginning) else None for name in split]
    numbers = sorted({layer for layer in layers if layer is not None})
    first = next(index for index, layer in enumerate(layers) if layer is not None)
    below = len(numbers)
    return {
        name: below - 1 - numbers.index(layer) if layer is not None else below if index < first else 0
        for index, (name, layer) in enumerate(zip(names, layers, strict=True))
    }


def _before_the_number(names: Sequence[Name]) -> Name | None:
    """Return the beginning of the names before the number of the layer: the first of the shortest ones."""
    seen: dict[Name, set[str]] = {}
    for name in names:
        for place, part in enumerate(name):
            if part.isdigit():
                seen.setdefault(name[:place], set()).add(part)
    several = [beginning for beginning, numbers in seen.items() if len(numbers) > 1]
    return min(several, key=len, default=None)


def _is_numbered(name: Name, beginning: Name) -> bool:
    place = len(beginning)
    return len(name) > place and name[:place] == beginning and name[place].isdigit()
