"""Write one line for each report to ``epochs.jsonl``."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relx.errors import RelxError
from relx.registry import Injected
from relx.training.callbacks.callback import Callback, Report
from relx.training.checkpointing.run_folder import EPOCHS
from relx.utils.files import append_line


class LogFile:
    """A file of lines whose state is its length: resuming a run removes the lines written after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: str) -> None:
        """Append a line, or several. Raises RelxError when the file cannot be written."""
        append_line(self.path, line)

    def state_dict(self) -> dict[str, Any]:
        """Return the length in bytes."""
        return {"bytes": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remove what was written after that length. Raises RelxError when the file cannot be written."""
        try:
            if self.path.exists() and self.path.stat().st_size > state["bytes"]:
                os.truncate(self.path, state["bytes"])
        except OSError as error:
            raise RelxError(f"{self.path}: cannot be written: {error.strerror}") from None


class MetricsFile(Callback):
    """Append one JSON object for each report to ``epochs.jsonl``; its protocol is that of the metrics of triples."""

    def __init__(self, folder: Injected[Path], protocol: Injected[str]) -> None:
        self.file = LogFile(folder / EPOCHS)
        self.protocol = protocol

    def on_report(self, report: Report) -> None:
        """Append the report. Raises RelxError when the file cannot be written."""
        self.file.add(json.dumps({"protocol": self.protocol, **asdict(report)}))

    def state_dict(self) -> dict[str, Any]:
        """Return the length of the file."""
        return self.file.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Truncate the file to its length then. Raises RelxError when the file cannot be written."""
        self.file.load_state_dict(state)
