"""A corpus as the units that stay whole when it is split, and a part of it as a file of the same form."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.data.json_form import to_line
from relx.errors import DataError
from relx.files import atomic_write, text_lines
from relx.readers.brat import BratReader
from relx.readers.documents import document_of
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.records import records


@dataclass
class Unit:
    """A document, or a sentence of no document: its sentences and, in JSON forms, its records as they stand."""

    document: str | None
    examples: list[Example] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)

    @property
    def relation_types(self) -> list[str]:
        """The types of its relations."""
        return [relation.type for example in self.examples for relation in example.relations]


def read_units(reader: DatasetReader, path: str | Path) -> list[Unit]:
    """The units of a corpus in the order in which they begin. Raises DataError at the first bad record.

    Sentences of one document are one unit wherever they stand.
    """
    if reader.__class__.write is DatasetReader.write and not isinstance(reader, JsonReader):
        reader.write((), path)  # says that this form is only read
    units: dict[Any, Unit] = {}
    for number, (examples, record) in enumerate(_pieces(reader, path)):
        documents = {document_of(example) for example in examples}
        name = documents.pop() if len(documents) == 1 else None
        unit = units.setdefault(number if name is None else name, Unit(name))
        unit.examples += examples
        unit.records.append(record)
    return list(units.values())


def write_units(reader: DatasetReader, source: str | Path, units: Iterable[Unit], path: Path) -> None:
    """Write units in the form of their source: JSON records and brat's files as they stand. Raises RelxError."""
    if isinstance(reader, JsonReader):
        _write_records(source, units, path)
    elif isinstance(reader, BratReader):
        for unit in units:
            for suffix in (".txt", ".ann"):
                file = Path(f"{unit.document}{suffix}")
                if (Path(source) / file).exists():
                    (path / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(Path(source) / file, path / file)
    else:
        reader.write((example for unit in units for example in unit.examples), path)


def _pieces(reader: DatasetReader, path: str | Path) -> Iterator[tuple[list[Example], Any]]:
    """The sentences that cannot be parted, and the JSON record that holds them."""
    if not isinstance(reader, JsonReader):
        yield from (([example], None) for example in reader.read(path))
        return
    for raw, record in zip(records(path), reader.records(path), strict=True):
        try:
            yield reader.examples(record.value), raw.value
        except BadRecord as error:
            raise DataError(f"{path}:{raw.line}: {error}") from None


def _write_records(source: str | Path, units: Iterable[Unit], path: Path) -> None:
    """One record a line, as a JSON list where the source is one."""
    as_list = next(line.lstrip().startswith("[") for _, line in text_lines(source) if line.strip())
    lines = [to_line(record) for unit in units for record in unit.records]
    with atomic_write(path) as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n" if as_list else "".join(f"{line}\n" for line in lines))
