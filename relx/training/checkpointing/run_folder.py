"""The output folder of a run: claim it, resume the run in it, and write its files."""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from relx.calibration.fitting import DIAGRAM
from relx.errors import TrainingError
from relx.scoring import sentences
from relx.utils.files import atomic_write, leftovers
from relx.utils.folder_lock import LOCK
from relx.utils.text import json_text

logger = logging.getLogger(__name__)

CONFIG = "config.json"
METRICS = "metrics.json"
EPOCHS = "epochs.jsonl"
SAMPLES = "samples.txt"
ARCHIVE = "model.tar.gz"
PAGE = "report.html"
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
FILES = (CONFIG, METRICS, EPOCHS, SAMPLES, ARCHIVE, PAGE, DIAGRAM, *sentences.FILES.values())
FOLDERS = (CHECKPOINTS, TENSORBOARD)
HARMLESS = (
    "trainer.epochs",
    "trainer.patience",
    "trainer.keep_checkpoints",
    "trainer.callbacks",
    "test_data_path",
    "calibrate",
)
ABSENT = "nothing"


class RunFolder:
    """An output folder that belongs to one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def claim(cls, path: Path, force: bool) -> "RunFolder":
        """Create the folder. With ``force`` it may hold an earlier run, which stays until ``start``.

        Raises TrainingError when the folder holds a run and ``force`` is off, holds something else, or cannot be made.
        """
        if cls._holds_something(path):
            if not force:
                raise TrainingError(
                    f"{path}: exists and is not empty; choose another folder (-s), or continue the run in it "
                    "(--recover), or replace it (--force); in Python: output=, recover=True, force=True"
                )
            if _config_of(path) is None:
                raise TrainingError(f"{path}: is no earlier run, and only an earlier run is replaced (--force)")
        return cls(path)

    @classmethod
    def resume(cls, path: Path, config: dict[str, Any]) -> "RunFolder":
        """Return the folder of a run of this experiment (``config`` in full), and create it if it does not exist.

        Raises TrainingError when the folder holds something else, when the experiment differs in more than the
        ``HARMLESS`` keys, and when the folder cannot be created.
        """
        holds_something, before = cls._holds_something(path), _config_of(path)
        if before is not None:
            found = differences(before, config)
            require_harmless(found, path)
            for difference in found:
                logger.info("%s", difference)
        elif holds_something:
            raise TrainingError(f"{path}: holds no run to continue; choose another folder (-s)")
        return cls(path)

    def start(self, config: dict[str, Any], replace: bool = True) -> None:
        """Write the experiment to the folder. ``replace``: first remove the files of an earlier run, and nothing else.

        Raises RelxError when that fails.
        """
        if replace:
            self._clear()
        self.write(CONFIG, config)

    def _clear(self) -> None:
        """Remove all files but the configuration, by which the folder of a killed run is recognized."""
        try:
            for file in filter(Path.is_dir, (self.path / name for name in FOLDERS)):
                shutil.rmtree(file)
            halves = [half for name in FILES for half in leftovers(self.path, name)]
            for file in [*halves, *(self.path / name for name in FILES if name != CONFIG)]:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(f"{file}: cannot be replaced: {error.strerror}") from None

    @classmethod
    def _holds_something(cls, path: Path) -> bool:
        try:
            path.mkdir(parents=True, exist_ok=True)
            own = {path / LOCK, *(half for name in FILES for half in leftovers(path, name))}
            return any(file not in own for file in path.iterdir())
        except OSError as error:
            raise TrainingError(f"{path}: cannot be used as output folder: {error.strerror}") from None

    def write(self, name: str, content: Any) -> None:
        """Write one of the run's files as JSON. Raises RelxError when it cannot be written."""
        with atomic_write(self.path / name) as file:
            file.write(json_text(content, indent=2) + "\n")

    def write_page(self, page: str) -> None:
        """Write the page of the final scores. Raises RelxError when it cannot be written."""
        with atomic_write(self.path / PAGE) as file:
            file.write(page)


def _config_of(path: Path) -> dict[str, Any] | None:
    """Return the configuration of the run in a folder; None for a ``config.json`` of another program."""
    try:
        content = json.loads((path / CONFIG).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    own = isinstance(content, dict) and content.keys() >= {"dataset_reader", "model", "trainer"}
    return content if own else None


class Difference(NamedTuple):
    """A value at a dotted path in two experiments, both as JSON."""

    path: str
    before: str
    now: str

    @property
    def harmless(self) -> bool:
        """Whether the difference leaves the steps that were taken as they are."""
        return any(self.path == key or self.path.startswith(f"{key}.") for key in HARMLESS)

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.now}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the differences between two experiments in full, sorted by path."""
    old, new = (dict(_leaves(tree, "")) for tree in (before, now))
    paths = sorted(old.keys() | new.keys())
    pairs = (Difference(path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths)
    return [pair for pair in pairs if pair.before != pair.now]


def require_harmless(found: list[Difference], folder: Path) -> None:
    """Raise TrainingError, with every difference, unless a run can continue with all of them."""
    if all(difference.harmless for difference in found):
        return
    listed = "".join(f"\n  {difference}" for difference in found)
    raise TrainingError(
        f"{folder}: was started with another experiment:{listed}\nOnly {', '.join(HARMLESS)} may change; undo the "
        "rest, choose another folder (-s), or start again (--force, in Python force=True)"
    )


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the JSON of each value that contains no other."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    nested = [leaf for key, item in items for leaf in _leaves(item, f"{path}.{key}" if path else str(key))]
    yield from nested or [(path, json.dumps(value, ensure_ascii=False))]
