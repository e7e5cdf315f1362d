"""Checks of the arguments of components: counts, shares, and settings that others leave without effect."""

import inspect
from collections.abc import Mapping


def require_sizes(**sizes: int | None) -> None:
    """Raise ValueError for a size below 1; None is a size that the program chooses."""
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} is {size}; it must be at least 1")


def require_shares(**shares: float) -> None:
    """Raise ValueError for a share that is not from 0 to 1."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise _no_share(name, share)


def require_inner_shares(**shares: float) -> None:
    """Raise ValueError for a share that is not above 0 and below 1."""
    for name, share in shares.items():
        if not 0 < share < 1:
            raise _no_share(name, share)


def require_effect(component: type, idle: Mapping[str, Mapping[str, object]]) -> None:
    """Raise ValueError for settings of a component that differ from their defaults although they have no effect.

    ``idle`` names, for each cause such as "fusion=early", the settings that it leaves without effect, and their values.
    A setting that is not an argument of the component itself, such as one of a part, counts as given.
    """
    defaults = {name: argument.default for name, argument in inspect.signature(component).parameters.items()}
    faults = []
    for cause, settings in idle.items():
        given = [name for name, value in settings.items() if name not in defaults or value != defaults[name]]
        faults += [f"{cause} takes no {', '.join(given)}"] if given else []
    if faults:
        raise ValueError("; ".join(faults))


def _no_share(name: str, value: float) -> ValueError:
    return ValueError(f"{name} is {value}; it must lie between 0 and 1")
