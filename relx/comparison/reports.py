"""What a run reported of itself while it was trained."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relx.errors import DataError
from relx.training.checkpointing.run_folder import EPOCHS
from relx.utils.files import byte_lines


@dataclass(frozen=True)
class Report:
    """What a run came to at a step: the mean loss since the report before, and the metrics, from 0 to 1."""

    epoch: int
    step: int
    protocol: str
    loss: float
    metrics: dict[str, float]
    improved: bool


def read_reports(run: Path) -> list[Report]:
    """Return the reports of a run so far. Raises DataError if there is none, and for a damaged file.

    A run that is training or was killed can leave an incomplete last line. It is skipped.
    """
    lines = list(byte_lines(run / EPOCHS))
    whole = [line for line in lines if line.endswith(b"\n")]
    if not whole:
        raise DataError(f"{run / EPOCHS}: holds no report yet")
    return [_report(line, f"{run / EPOCHS}:{number}") for number, line in enumerate(whole, 1)]


def _report(line: bytes, where: str) -> Report:
    try:
        found: dict[str, Any] = json.loads(line)
        metrics = {str(name): float(value) for name, value in found["metrics"].items()}
        epoch, step, loss = int(found["epoch"]), int(found["step"]), float(found["loss"])
        return Report(epoch, step, str(found["protocol"]), loss, metrics, bool(found["improved"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise DataError(f"{where}: holds no report of relx") from None
