"""Which reader takes a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relx import config
from relx.config.jsonnet import parse_value
from relx.data.example import Example
from relx.errors import ConfigError, DataError
from relx.readers.reader import DatasetReader
from relx.readers.records import records
from relx.registry import components, lookup, nearest

KIND = DatasetReader.__kind__


def reader_for(path: str | Path) -> str:
    """The name of the reader whose form a file has, judged by its beginning.

    Raises DataError for a file that no reader, or more than one, recognises.
    """
    names = [name for name, component in components(KIND).items() if component.load().recognises(path)]  # type: ignore
    if len(names) == 1:
        return names[0]
    if names:
        raise DataError(f"{path}: could be any of the forms {', '.join(names)}; name one with --reader")
    first = next(records(path))
    keys = f"the keys {', '.join(first.value)}" if isinstance(first.value, dict) else "no object"
    known = ", ".join(components(KIND))
    raise DataError(f"{path}:{first.line}: no reader knows this form (its first record has {keys}); readers: {known}")


def make_reader(description: str | dict[str, Any]) -> DatasetReader:
    """The reader of a name, or of an object with ``type`` as an experiment file has it (also as JSON text).

    Raises ConfigError for an unknown name and for arguments that do not fit.
    """
    value = parse_value(description) if isinstance(description, str) else description
    arguments = dict(value) if isinstance(value, dict) else {"type": value}
    name = arguments.pop("type", None)
    component = lookup(KIND, name) if isinstance(name, str) else None
    if component is None:
        raise ConfigError(f"{name!r} is not a registered dataset_reader{nearest(str(name), components(KIND))}")
    config.require_valid(arguments, component.reference, f"dataset_reader {name!r}")
    reader = config.build(arguments, component.reference)
    assert isinstance(reader, DatasetReader)
    return reader


def read(path: str | Path, reader: str | None = None) -> Iterator[Example]:
    """The sentences of a file, by the named reader or by the one that recognises it. Raises DataError, ConfigError."""
    yield from make_reader(reader or reader_for(path)).read(path)
