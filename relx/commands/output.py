"""Standard output and standard error: any text can be written to them, and a failure says which stream it is."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from relx.errors import RelxError
from relx.utils.text import encodable, without_terminal_codes


def open_missing_streams() -> None:
    """Open the standard streams that the process was started without, so that no other file gets their numbers.

    Reading from such an input fails, and so does writing to such an output. What goes to such a standard error is lost.
    """
    if sys.stdin is None:
        sys.stdin = open(os.open(os.devnull, os.O_WRONLY), encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


class OutputError(RelxError):
    """Standard output that takes nothing more."""


class SafeStream:
    """A stream that writes any text: terminal codes are escaped, and so is what its encoding lacks."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write to the stream."""
        text = without_terminal_codes(text)
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:
            return self.stream.write(encodable(text, self.stream.encoding))
        except RuntimeError:  # the handler of a signal writes in the middle of a write, which a buffer refuses
            os.write(self.stream.fileno(), text.encode(self.stream.encoding, "backslashreplace"))
            return len(text)

    def flush(self) -> None:
        """Flush the stream, unless a flush is under way."""
        with suppress(RuntimeError):
            self.stream.flush()


class StandardError(SafeStream):
    """A stream whose failures change nothing: what a full disk or a closed pipe does not take is lost."""

    def write(self, text: str) -> int:
        """Write to the stream, if it takes anything."""
        with self._forgiven():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, if it takes anything."""
        with self._forgiven():
            super().flush()

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        try:
            yield
        except OSError:  # what is left in the buffer would fail again at the end of the process, and give code 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


class StandardOutput(SafeStream):
    """A stream whose failures are OutputErrors; a pipe that nobody reads any more stays a BrokenPipeError."""

    def write(self, text: str) -> int:
        """Write to the stream. Raises OutputError."""
        with _told_apart():
            return super().write(text)

    def flush(self) -> None:
        """Flush the stream. Raises OutputError."""
        with _told_apart():
            super().flush()


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
