"""Corpus files as Examples: the reader that takes a file, every fault reported, every change of gold counted."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from relx import config
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.changes import Changes
from relx.data.example import Example
from relx.errors import DataError, Faults, RelxError
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
    names = _without_own([name for name, reader in readers.items() if _recognizes(reader, path)])
    if len(names) == 1:
        return names[0]
    if names:
        raise DataError(f"{path}: could be any of the forms {', '.join(names)}; name one with --reader")
    if Path(path).is_dir():
        raise DataError(
            f"{path}: a folder without .txt files; brat's form is a folder of .txt and .ann files, webanno's of .tsv"
        )
    if Path(path).suffix == ".ann":
        raise DataError(f"{path}: brat's form is a folder of .txt and .ann files; name the folder")
    first = next(records(path))
    keys = f"the keys {', '.join(first.value)}" if isinstance(first.value, dict) else "no object"
    known = ", ".join(components(KIND))
    raise DataError(f"{path}:{first.line}: no reader knows this form (its first record has {keys}); readers: {known}")


def form_of(record: dict[str, Any]) -> str | None:
    """Return the name of the reader whose form a record has; None if it is ambiguous or unknown."""
    readers = {name: component.load() for name, component in components(KIND).items()}
    names = [name for name, cls in readers.items() if issubclass(cls, JsonReader) and cls.recognizes_record(record)]
    names = _without_own(names)
    return names[0] if len(names) == 1 else None


def _recognizes(reader: type[DatasetReader], path: str | Path) -> bool:
    """Whether a reader takes a file. Raises DataError where the reader itself fails."""
    try:
        return reader.recognizes(path)
    except RelxError:
        raise
    except Exception as error:  # a plugin's reader raises whatever its author did not think of
        raise DataError(f"{path}: {own_fault(reader, error)}; name the form with --reader or --from") from error


def _without_own(names: list[str]) -> list[str]:
    """Remove relx's own reader, which accepts further keys, from the names if there are others."""
    return [name for name in names if name != OWN] or names


def make_reader(
    description: str | dict[str, Any], tokenizer: Tokenizer | None = None, splitter: SentenceSplitter | None = None
) -> DatasetReader:
    """Build the reader of a name, or of an object with ``type`` as in an experiment file (also as JSON text).

    The tokenizer, ``whitespace`` by default, and the sentence splitter, ``rules`` by default, split raw texts. Raises
    ConfigError for an unknown name and for arguments that do not fit.
    """
    parts = {"tokenizer": tokenizer or WhitespaceTokenizer(), "sentence_splitter": splitter or RuleSplitter()}
    reader = config.build_part(KIND, description, **parts)
    assert isinstance(reader, DatasetReader)
    return reader


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
