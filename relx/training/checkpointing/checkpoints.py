"""Write the checkpoints of a run, read the newest one that is intact, and remove the old ones."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relx.errors import RelxError, TrainingError
from relx.training.checkpointing.tensor_file import DamagedFile, read_tree, write_tree
from relx.utils.files import force_folder_to_disk, leftovers

logger = logging.getLogger(__name__)

NAME = re.compile(r"step_(\d+)\.safetensors")


class Checkpoints:
    """The last ``keep`` checkpoints in a folder.

    A checkpoint is a tree of plain values and tensors. It contains all that a run needs to continue: no other file has
    to be intact. A damaged one is skipped with a warning.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, step: int, tree: dict[str, Any]) -> None:
        """Write the checkpoint of a step, then remove the old ones; an error leaves all earlier ones.

        Raises TrainingError when it cannot be written.
        """
        try:
            self._make_folder()
            write_tree(self._file(step), tree)
            for file in list(self._unwanted(step)):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.folder}: cannot be written: {error.strerror}") from error
        except RelxError as error:
            raise TrainingError(str(error)) from error

    def newest(self) -> dict[str, Any] | None:
        """Return the newest one that is intact; None if there is no checkpoint at all.

        Raises TrainingError when none of them is.
        """
        damages: list[str] = []
        for step in sorted(self._steps(), reverse=True):
            try:
                tree = read_tree(self._file(step))
            except DamagedFile as error:
                damages.append(str(error))
                continue
            for damage in damages:
                logger.warning("%s; continuing from the checkpoint before it", damage)
            return tree
        if damages:
            listed = "".join(f"\n  {damage}" for damage in damages)
            raise TrainingError(
                f"{self.folder}: no checkpoint is complete:{listed}\nStart again (--force, in Python force=True)"
            )
        return None

    def _make_folder(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir()
            force_folder_to_disk(self.folder.parent)

    def _file(self, step: int) -> Path:
        return self.folder / f"step_{step}.safetensors"

    def _steps(self) -> Iterator[int]:
        for file in self.folder.glob("step_*"):
            if found := NAME.fullmatch(file.name):
                yield int(found[1])

    def _unwanted(self, newest: int) -> Iterator[Path]:
        """Yield old ones, those later than the newest, which are from before a resume, and halves of killed writes."""
        steps = list(self._steps())
        wanted = sorted(step for step in steps if step <= newest)[-self.keep :]
        yield from (self._file(step) for step in steps if step not in wanted)
        yield from leftovers(self.folder)
