"""Draw the parts of a corpus at random: how many units each part has, and which."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from relx.errors import DataError

REST = "rest"


@dataclass(frozen=True)
class PartSize:
    """How much of a corpus a part has: a ``count`` of units, a ``share`` of all, or, where both are None, the rest."""

    name: str
    text: str
    count: int | None = None
    share: float | None = None

    @property
    def shown(self) -> str:
        """The part as it was asked for."""
        return f"{self.name}={self.text}"


def numbers_of_units(parts: Sequence[PartSize], units: int, what: str) -> list[int]:
    """The number of units in each part. Shares are rounded so that shares of 100 % leave no unit out.

    ``what`` names the units. Raises DataError for parts that ask for more than there is, and for an empty part.
    """
    numbers, asked = [], 0.0
    for part in parts:
        before, asked = asked, asked + (part.share or 0)
        numbers.append(round(asked * units) - round(before * units) if part.share is not None else part.count or 0)
    left = units - sum(numbers)
    if asked > 1 + 1e-9 or left < 0:
        raise DataError(f"{' '.join(part.shown for part in parts)}: too much; IN has {units:,} {what}")
    numbers = [left if part.text == REST else number for part, number in zip(parts, numbers, strict=True)]
    empty = [part.shown for part, number in zip(parts, numbers, strict=True) if not number]
    if empty:
        raise DataError(f"{', '.join(empty)}: would be empty; IN has {units:,} {what}, and each is in one part only")
    return numbers


def draw(numbers: Sequence[int], units: int, seed: int, strata: Sequence[str | None] | None = None) -> list[list[int]]:
    """Draw disjoint sets of so many of ``units`` units: the sorted indices of each set.

    With ``strata``, the stratum of each unit, every set has nearly the same share of each stratum: each stratum is
    spread evenly over one order of all units, from which the sets are cut (systematic sampling).
    """
    generator = random.Random(seed)
    order = list(range(units))
    generator.shuffle(order)
    if strata is not None:
        sizes, seen = Counter(strata), Counter[str | None]()
        offsets: dict[str | None, float] = {}
        places = {}
        for unit in order:
            stratum = strata[unit]
            offset = offsets.setdefault(stratum, generator.random())
            places[unit] = (seen[stratum] + offset) / sizes[stratum]
            seen[stratum] += 1
        order.sort(key=places.__getitem__)
    drawn, start = [], 0
    for number in numbers:
        drawn.append(sorted(order[start : start + number]))
        start += number
    return drawn


def rarest(types: Sequence[Sequence[str]]) -> list[str | None]:
    """Of the relation types of each unit the one that the fewest units have; None for a unit without any."""
    counts = Counter(type for of_unit in types for type in set(of_unit))
    return [min(of_unit, key=lambda type: (counts[type], type), default=None) for of_unit in types]
