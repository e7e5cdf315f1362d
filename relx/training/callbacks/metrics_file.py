"""A text file that grows while a run goes on, and is cut back when the run resumes from an earlier moment."""

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
    """Lines added one by one. Its state is its length, so that no line of a lost moment stays in it after a resume."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: str) -> None:
        """Append a line, or several. Raises RelxError when the file cannot be written."""
        append_line(self.path, line)

    def state_dict(self) -> dict[str, Any]:
        """The length in bytes."""
        return {"bytes": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Cut off what was written after that length. Raises RelxError when the file cannot be written."""
        try:
            if self.path.exists() and self.path.stat().st_size > state["bytes"]:
                os.truncate(self.path, state["bytes"])
        except OSError as error:
            raise RelxError(f"{self.path}: cannot be written: {error.strerror}") from None


class MetricsFile(Callback):
    """One JSON object for each epoch in ``epochs.jsonl``; the protocol is that of the triples' metrics."""

    def __init__(self, folder: Injected[Path], protocol: Injected[str]) -> None:
        self.file = LogFile(folder / EPOCHS)
        self.protocol = protocol

    def on_report(self, report: Report) -> None:
        """Append it. Raises RelxError when the file cannot be written."""
        self.file.add(json.dumps({"protocol": self.protocol, **asdict(report)}))

    def state_dict(self) -> dict[str, Any]:
        """How far the file has grown."""
        return self.file.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Cut the file back to it. Raises RelxError when the file cannot be written."""
        self.file.load_state_dict(state)
