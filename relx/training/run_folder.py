"""The folder that a run writes: configuration, checkpoints, metrics, archive."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from relx.errors import TrainingError
from relx.files import atomic_write, leftovers
from relx.scoring import sentences
from relx.text import json_text
from relx.training.differences import differences, require_harmless
from relx.training.folder_lock import LOCK

CONFIG = "config.json"
METRICS = "metrics.json"
EPOCHS = "epochs.jsonl"
SAMPLES = "samples.txt"
ARCHIVE = "model.tar.gz"
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
FILES = (CONFIG, METRICS, EPOCHS, SAMPLES, ARCHIVE, *sentences.FILES.values())
FOLDERS = (CHECKPOINTS, TENSORBOARD)

logger = logging.getLogger(__name__)


class RunFolder:
    """An output folder that belongs to one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def claim(cls, path: Path, force: bool) -> "RunFolder":
        """Make the folder. With ``force`` it may hold an earlier run, which stays until ``start``.

        Raises TrainingError when the folder holds a run and ``force`` is off, holds something else, or cannot be made.
        """
        if cls._holds_something(path):
            if not force:
                raise TrainingError(
                    f"{path}: exists and is not empty; choose another folder (-s), or go on with the run in it "
                    "(--recover), or give --force to replace it"
                )
            if _config_of(path) is None:
                raise TrainingError(f"{path}: --force replaces earlier runs only, and this folder holds none")
        return cls(path)

    @classmethod
    def resume(cls, path: Path, config: dict[str, Any]) -> "RunFolder":
        """The folder of a run of this experiment (``config`` in full); made where there is none yet.

        Raises TrainingError when the folder holds something else, when the experiment differs in more than how long
        the run goes on, and when the folder cannot be made.
        """
        holds_something, before = cls._holds_something(path), _config_of(path)
        if before is not None:
            found = differences(before, config)
            require_harmless(found, path)
            for difference in found:
                logger.info("%s", difference)
        elif holds_something:
            raise TrainingError(f"{path}: holds no run to go on with; choose another folder (-s)")
        return cls(path)

    def start(self, config: dict[str, Any], anew: bool = True) -> None:
        """Write down the experiment; ``anew``, remove the files of an earlier run first, and nothing else.

        Raises RelxError when that fails.
        """
        if anew:
            self._clear()
        self.write(CONFIG, config)

    def _clear(self) -> None:
        """All but the configuration: a folder in which a run was killed must be known as that of a run."""
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
            ours = {path / LOCK, *(half for name in FILES for half in leftovers(path, name))}
            return any(file not in ours for file in path.iterdir())
        except OSError as error:
            raise TrainingError(f"{path}: cannot be used as output folder: {error.strerror}") from None

    def write(self, name: str, content: Any) -> None:
        """Write one of the run's files as JSON. Raises RelxError when it cannot be written."""
        with atomic_write(self.path / name) as file:
            file.write(json_text(content, indent=2) + "\n")


def _config_of(path: Path) -> dict[str, Any] | None:
    """The configuration of the run in a folder, if there is one; other programs have a ``config.json`` too."""
    try:
        content = json.loads((path / CONFIG).read_bytes())
    except (OSError, ValueError):
        return None
    ours = isinstance(content, dict) and content.keys() >= {"dataset_reader", "model", "trainer"}
    return content if ours else None
