"""The folder that a run writes: configuration, metrics, weights, archive."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from relx.errors import TrainingError

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
        """Make the folder, empty. With ``force`` the files of an earlier run are removed, and nothing else.

        Raises TrainingError when the folder holds a run and ``force`` is off, holds something else, or cannot be made.
        """
        try:
            present = sorted(file.name for file in path.iterdir()) if path.exists() else []
            if present and not force:
                raise TrainingError(f"{path}: exists and is not empty; choose another folder (-s) or give --force")
            if present and CONFIG not in present:
                raise TrainingError(f"{path}: --force replaces earlier runs only, and this folder holds none")
            for name in OURS:
                (path / name).unlink(missing_ok=True)
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{path}: cannot be used as output folder: {error.strerror}") from None
        return cls(path)

    def save_best(self, model: nn.Module) -> None:
        """Keep the weights of the best epoch so far; they replace the older ones at once or not at all."""
        aside = self.path / f"{BEST}.part"
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, aside)
        aside.replace(self.path / BEST)

    def load_best(self, model: nn.Module) -> None:
        """Put them back into the model."""
        model.load_state_dict(load_file(self.path / BEST))
