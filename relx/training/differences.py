"""What differs between the experiment of a run and the one that is to go on with it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from relx.errors import TrainingError

HARMLESS = ("trainer.epochs", "trainer.patience", "trainer.keep_checkpoints", "trainer.callbacks", "test_data_path")
ABSENT = "nothing"


class Difference(NamedTuple):
    """A value at a dotted path, before and now; both as JSON."""

    path: str
    before: str
    now: str

    @property
    def harmless(self) -> bool:
        """Whether the steps that were taken would have been the same with it."""
        return any(self.path == key or self.path.startswith(f"{key}.") for key in HARMLESS)

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.now}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Between two experiments in full, key by key, sorted by path."""
    old, new = (dict(_leaves(tree, "")) for tree in (before, now))
    paths = sorted(old.keys() | new.keys())
    pairs = (Difference(path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths)
    return [pair for pair in pairs if pair.before != pair.now]


def require_harmless(found: list[Difference], folder: Path) -> None:
    """Raise TrainingError, with every difference, unless a run can go on with all of them."""
    if all(difference.harmless for difference in found):
        return
    listed = "".join(f"\n  {difference}" for difference in found)
    raise TrainingError(
        f"{folder}: was started with another experiment:{listed}\nOnly {', '.join(HARMLESS)} may change; take the rest "
        "back, choose another folder (-s), or give --force to start anew"
    )


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The dotted path and the JSON of everything that holds nothing else."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    nested = [leaf for key, item in items for leaf in _leaves(item, f"{path}.{key}" if path else str(key))]
    yield from nested or [(path, json.dumps(value, ensure_ascii=False))]
