"""Which reader takes a file."""

from pathlib import Path
from typing import Any

from relx import config
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.errors import DataError, RelxError
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader, own_fault
from relx.readers.records import records
from relx.registry import components
from relx.utils.files import require_file

OWN = "jsonl"
KIND = DatasetReader.__kind__


def reader_for(path: str | Path) -> str:
    """Return the name of the reader whose form a file has, judged by the beginning of the file.

    Raises DataError for a file that no reader, or more than one, recognizes, and for a pipe.
    """
    require_file(path, "name the form of its records (--reader, --from), or write it to a file")
    readers = {name: component.load() for name, component in components(KIND).items()}
    names = _without_own([name for name, reader in readers.items() if _recognises(reader, path)])
    if len(names) == 1:
        return names[0]
    if names:
        raise DataError(f"{path}: could be any of the forms {', '.join(names)}; name one with --reader")
    if Path(path).is_dir():
        raise DataError(f"{path}: a folder without .txt files; brat's form is a folder of .txt and .ann files")
    if Path(path).suffix == ".ann":
        raise DataError(f"{path}: brat's form is a folder of .txt and .ann files; name the folder")
    first = next(records(path))
    keys = f"the keys {', '.join(first.value)}" if isinstance(first.value, dict) else "no object"
    known = ", ".join(components(KIND))
    raise DataError(f"{path}:{first.line}: no reader knows this form (its first record has {keys}); readers: {known}")


def form_of(record: dict[str, Any]) -> str | None:
    """Return the name of the reader whose form a record has; None if it is ambiguous or unknown."""
    readers = {name: component.load() for name, component in components(KIND).items()}
    names = [name for name, cls in readers.items() if issubclass(cls, JsonReader) and cls.recognises_record(record)]
    names = _without_own(names)
    return names[0] if len(names) == 1 else None


def _recognises(reader: type[DatasetReader], path: str | Path) -> bool:
    """Whether a reader takes a file. Raises DataError where the reader itself fails."""
    try:
        return reader.recognises(path)
    except RelxError:
        raise
    except Exception as error:  # a plugin's reader raises whatever its author did not think of
        raise DataError(f"{path}: {own_fault(reader, error)}; name the form with --reader or --from") from error


def _without_own(names: list[str]) -> list[str]:
    """Remove relx's own reader, which accepts further keys, from the names if there are others."""
    return [name for name in names if name != OWN] or names


def make_reader(description: str | dict[str, Any], tokenizer: Tokenizer | None = None) -> DatasetReader:
    """Build the reader of a name, or of an object with ``type`` as in an experiment file (also as JSON text).

    The tokenizer, ``whitespace`` by default, splits raw texts. Raises ConfigError for an unknown name and for arguments
    that do not fit.
    """
    reader = config.build_part(KIND, description, tokenizer=tokenizer or WhitespaceTokenizer())
    assert isinstance(reader, DatasetReader)
    return reader
