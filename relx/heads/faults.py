"""Errors of a head, such as one of a plugin, that name the head and the line at fault."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import torch

from relx.errors import RelxError, TrainingError
from relx.heads.head import Head
from relx.registry import registered_name

FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
LIBRARIES = [Path(torch.__file__).parent, Path(__file__).parents[1]]


@contextmanager
def faults_of(head: Head, method: str) -> Iterator[None]:
    """Turn a programming error in a method of the head into a TrainingError with the head's name and the line."""
    try:
        yield
    except RelxError:
        raise
    except FAULTS as error:
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        place = _place(error.__traceback__)
        raise TrainingError(f"the head {registered_name(head)!r} fails in {method}: {cause} ({place})") from error


def _place(trace: TracebackType | None) -> str:
    """Return file:line of the innermost call outside relx and torch, or of the innermost call."""
    frames = traceback.extract_tb(trace)
    own = [f for f in frames if not any(Path(f.filename).is_relative_to(library) for library in LIBRARIES)]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}, in {frame.name}"
