"""A text file that grows while a run goes on, and is cut back when the run resumes from an earlier moment."""

import os
from pathlib import Path
from typing import Any

from relx.errors import RelxError
from relx.files import append_line


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
