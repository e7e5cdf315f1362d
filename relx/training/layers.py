"""The layers of a deep encoder, told from the names of its weights."""

from collections.abc import Sequence

Name = tuple[str, ...]


def height_below_top(names: Sequence[str]) -> dict[str, int]:
    """How far below the highest layer each weight lies: 0 for that layer and for what comes after it.

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
    """What stands before the numbers of the layers; the shortest where there are several, and of these the first."""
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
