"""The runs that a user names: folders of one run each, or of the runs of several seeds."""

import json
import logging
import re
from pathlib import Path
from typing import Any

from relx.errors import DataError
from relx.training.checkpointing.run_folder import CONFIG, METRICS

logger = logging.getLogger(__name__)


def runs_in(path: Path) -> list[Path]:
    """Return the folder itself if it is a run, or else the runs in it, such as those of ``relx train --seeds``.

    Raises DataError if there is none.
    """
    inside = path.iterdir() if path.is_dir() else ()
    runs = [path] if _is_run(path) else sorted(filter(_is_run, inside), key=_by_number)
    if not runs:
        raise DataError(f"{path}: neither the folder of a run nor a folder of such folders")
    return runs


def finished_runs(path: Path) -> list[Path]:
    """Return the finished runs in a folder; warn about each of the others.

    Raises DataError if there is none.
    """
    runs = runs_in(path)
    finished = [run for run in runs if _is_finished(run)]
    if not finished:
        raise DataError(f"{path}: not finished; continue it with relx train --recover")
    for run in runs:
        if run not in finished:
            logger.warning("%s: not finished; left out", run)
    return finished


def read_json(path: Path) -> Any:
    """Read a JSON file of a run. Raises DataError for a missing or damaged file."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is damaged: not JSON") from None


def _is_run(path: Path) -> bool:
    return (path / CONFIG).is_file()


def _is_finished(run: Path) -> bool:
    if not (run / METRICS).is_file():
        return False
    metrics = read_json(run / METRICS)
    if not isinstance(metrics, dict):
        raise DataError(f"{run / METRICS}: is damaged: not an object")
    return not (metrics.get("interrupted") or metrics.get("failure"))


def _by_number(path: Path) -> list[int | str]:
    """Return a sort key that puts seed_2 before seed_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
