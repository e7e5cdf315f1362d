"""The kind of component that turns corpus files into Examples."""

import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relx.config import renamed
from relx.data.example import Example
from relx.errors import DataError
from relx.registry import Registrable, components


class DatasetReader(Registrable, kind="dataset_reader", injects=("tokenizer", "sentence_splitter")):
    """Read one corpus form: path -> iterator of Examples, without vocabulary and tensors."""

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """Whether a file looks like this form, judged by its beginning. Raises nothing for another form."""
        return False

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of a file, in order. Raises DataError, starting with ``file:line``, for a bad record.

        relx's own readers continue after a bad record and raise one DataError for all of them after the last.
        """
        raise NotImplementedError

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write Examples in this form. Raises DataError for a form that is only read, or that cannot hold them."""
        raise DataError(f"{path}: relx reads this form but cannot write it; {written_forms()}")


def own_fault(reader: DatasetReader | type[DatasetReader], error: Exception) -> str:
    """Describe an error that a reader did not expect: its type, and the place in the reader that raised it."""
    name = (reader if isinstance(reader, type) else type(reader)).__name__
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"the reader {name} failed with {type(error).__name__}: {error}{place}"


def require_writable(form: str | dict[str, Any]) -> None:
    """Raise DataError for the name of a form that is only read, or of no form.

    A JSON description is left to ``make_reader``.
    """
    if isinstance(form, str) and not form.lstrip().startswith("{") and form not in _written():
        if new := renamed.new_component(form, DatasetReader.__kind__.name, known := components(DatasetReader.__kind__)):
            raise DataError(f"--to {form}: this form is now called {new!r}")
        reason = "relx reads this form but cannot write it" if form in known else "relx does not know this form"
        raise DataError(f"--to {form}: {reason}; {written_forms()}")


def written_forms() -> str:
    """Return the part of a message that lists the forms that relx can write."""
    return f"relx writes: {', '.join(_written())}"


def _written() -> list[str]:
    readers = ((name, component.load()) for name, component in components(DatasetReader.__kind__).items())
    return [name for name, reader in readers if reader.write is not DatasetReader.write]  # type: ignore[attr-defined]
