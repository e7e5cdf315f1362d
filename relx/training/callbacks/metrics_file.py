"""The metrics of each epoch as JSON lines."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relx.registry import Injected
from relx.training.callbacks.callback import Callback, Report
from relx.training.callbacks.log_file import LogFile
from relx.training.run_folder import EPOCHS


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
