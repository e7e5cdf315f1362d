"""Corpus files as Examples, whatever their form: every fault reported, every change of gold counted."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from relx.data.changes import Changes
from relx.data.example import Example
from relx.errors import DataError, Faults, RelxError
from relx.readers.choose import make_reader, reader_for
from relx.readers.reader import DatasetReader, own_fault


def sentences_of(reader: DatasetReader, path: str | Path) -> Iterator[Example]:
    """Yield the sentences of a file, in order, and then log the gold mentions that tokens cannot represent.

    Raises DataError for bad records and for exceptions of the reader itself.
    """
    changes, number = Changes(), 0
    try:
        for number, example in enumerate(reader.read(path), 1):
            changes.add(example, number)
            yield example
    except RelxError:
        raise
    except Exception as error:  # a reader raises whatever its author did not think of
        raise DataError(f"{path}: after {number} sentences {own_fault(reader, error)}") from error
    changes.log(path)


def read_files(files: Mapping[str, tuple[DatasetReader, str | Path]]) -> dict[str, list[Example]]:
    """Return the sentences of several files, by name. Raises one DataError for the faults of all files."""
    faults = Faults()
    found: dict[str, list[Example]] = {}
    for name, (reader, path) in files.items():
        with faults.gathered():
            found[name] = list(sentences_of(reader, path))
    faults.raise_any()
    return found


def read(path: str | Path, reader: str | None = None) -> Iterator[Example]:
    """Yield the sentences of a file with the given reader, or with the one that recognizes the file.

    Raises DataError and ConfigError.
    """
    yield from sentences_of(make_reader(reader or reader_for(path)), path)
