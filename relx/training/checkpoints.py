"""The checkpoints of a run: written aside and renamed, checked when they are read, the old ones removed."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from relx.errors import RelxError, TrainingError
from relx.files import leftovers
from relx.training.tensor_file import DamagedFile, read_tree, write_tree

logger = logging.getLogger(__name__)

NAME = re.compile(r"step_(\d+)(?:_best_(\d+))?\.safetensors")


class Moment(NamedTuple):
    """The step at which a checkpoint was taken, and that of the best one until then (0 for none)."""

    step: int
    best: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"step_{self.step}" + (f"_best_{self.best}" if self.best else "") + ".safetensors"


class Checkpoints:
    """The last ``keep`` checkpoints in a folder, and the best one of each.

    A checkpoint is a tree of plain values and tensors. One that is broken is passed over with a warning.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, moment: Moment, tree: dict[str, Any]) -> None:
        """Write one, then remove those that are no longer wanted; an error leaves all earlier ones as they are.

        Raises TrainingError when it cannot be written.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            write_tree(self.folder / moment.name, tree)
            for file in list(self._unwanted(moment)):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.folder}: cannot be written: {error.strerror}") from error
        except RelxError as error:
            raise TrainingError(str(error)) from error

    def newest(self) -> dict[str, Any] | None:
        """The newest one that is whole, and whose best one is; None where there is no checkpoint at all.

        Raises TrainingError when none of them is.
        """
        moments = sorted(self._moments(), reverse=True)
        for moment in moments:
            try:
                tree = read_tree(self.folder / moment.name)
                if moment.best:
                    self._read_best(moment.best)
                return tree
            except DamagedFile as error:
                logger.warning("%s; going on from the checkpoint before it", error)
        if moments:
            raise TrainingError(f"{self.folder}: no checkpoint is whole; give --force to start anew")
        return None

    def best(self, step: int) -> dict[str, Any]:
        """The checkpoint of the best step. Raises TrainingError when it is gone or damaged."""
        try:
            return self._read_best(step)
        except DamagedFile as error:
            raise TrainingError(f"the best weights cannot be read back: {error}") from error

    def _read_best(self, step: int) -> dict[str, Any]:
        return read_tree(self.folder / Moment(step, step).name)

    def _moments(self) -> Iterator[Moment]:
        for file in self.folder.glob("step_*"):
            if found := NAME.fullmatch(file.name):
                yield Moment(int(found[1]), int(found[2] or 0))

    def _unwanted(self, newest: Moment) -> Iterator[Path]:
        """Old ones, those later than the newest, which come from before a resume, and halves of killed writes."""
        moments = sorted(moment for moment in self._moments() if moment <= newest)
        last = moments[-self.keep :]
        wanted = {*last, *(Moment(moment.best, moment.best) for moment in last)}
        yield from (self.folder / moment.name for moment in self._moments() if moment not in wanted)
        yield from leftovers(self.folder)
