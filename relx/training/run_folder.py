"""The folder that a run writes: configuration, metrics, weights, archive."""

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from relx.archive import weights_of
from relx.errors import RelxError, TrainingError
from relx.files import atomic_binary, atomic_write
from relx.model import JointExtractor

CONFIG = "config.json"
METRICS = "metrics.json"
EPOCHS = "epochs.jsonl"
BEST = "best.safetensors"
ARCHIVE = "model.tar.gz"
OURS = (CONFIG, METRICS, EPOCHS, BEST, ARCHIVE)


class RunFolder:
    """An output folder that belongs to one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def claim(cls, path: Path, force: bool) -> "RunFolder":
        """Make the folder. With ``force`` it may hold an earlier run, which stays until ``clear``.

        Raises TrainingError when the folder holds a run and ``force`` is off, holds something else, or cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            present = any(path.iterdir())
        except OSError as error:
            raise TrainingError(f"{path}: cannot be used as output folder: {error.strerror}") from None
        if present and not force:
            raise TrainingError(f"{path}: exists and is not empty; choose another folder (-s) or give --force")
        if present and not _holds_run(path):
            raise TrainingError(f"{path}: --force replaces earlier runs only, and this folder holds none")
        return cls(path)

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else. Raises TrainingError when that fails."""
        leftovers = [file for name in OURS for file in self.path.glob(f".{name}.*")]
        try:
            for file in [*(self.path / name for name in OURS), *leftovers]:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(f"{file}: cannot be replaced: {error.strerror}") from None

    def write(self, name: str, content: Any) -> None:
        """Write one of the run's files as JSON. Raises RelxError when it cannot be written."""
        with atomic_write(self.path / name) as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.write("\n")

    def save_best(self, model: JointExtractor) -> None:
        """Keep the weights of the best epoch so far; they replace the older ones at once or not at all.

        Raises TrainingError when they cannot be written.
        """
        try:
            with atomic_binary(self.path / BEST) as file:
                file.write(weights_of(model))
        except (SafetensorError, RuntimeError) as error:  # such as weights that two names share
            raise TrainingError(f"{self.path / BEST}: the weights cannot be saved: {error}") from error
        except RelxError as error:
            raise TrainingError(str(error)) from error

    def load_best(self, model: JointExtractor) -> None:
        """Put them back into the model. Raises TrainingError when the file is gone or damaged."""
        try:
            model.load_state_dict(safetensors.torch.load_file(self.path / BEST))
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{self.path / BEST}: the best weights cannot be read back: {error}") from error


def _holds_run(path: Path) -> bool:
    """Whether there is the configuration of an experiment; other programs have a ``config.json`` too."""
    try:
        content = json.loads((path / CONFIG).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.keys() >= {"dataset_reader", "model", "trainer"}
