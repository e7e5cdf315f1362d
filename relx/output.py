"""Standard output, told apart from every other file that may fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from relx.errors import RelxError


class OutputError(RelxError):
    """Standard output that takes nothing more."""


class StandardOutput:
    """A stream whose failures are OutputErrors; a pipe that nobody reads any more stays a BrokenPipeError."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write to the stream. Raises OutputError."""
        with _told_apart():
            return self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream. Raises OutputError."""
        with _told_apart():
            self.stream.flush()


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
