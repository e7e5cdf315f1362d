"""What the readers of JSON forms share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.errors import DataError, Faults
from relx.readers.reader import UNEXPECTED, DatasetReader, own_fault
from relx.readers.records import Record, records


class JsonReader(DatasetReader):
    """Reads a file of JSON records. A subclass says what a record is: one sentence, or several."""

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether the first record has the keys of this form."""
        try:
            value = next(records(path)).value
        except DataError:
            return False
        return isinstance(value, dict) and cls.recognises_record(value)

    @classmethod
    def recognises_record(cls, record: dict[str, Any]) -> bool:
        """Whether a record is of this form, judged by its keys."""
        raise NotImplementedError

    def read(self, path: str | Path) -> Iterator[Example]:
        """The sentences of a file, in order. Raises DataError, after the last, for all bad records, each with its line.

        A fault of the reader's own, such as a KeyError, is one of the record.
        """
        faults = Faults()
        with faults.gathered():
            for line, record in self.records(path, faults.add):
                try:
                    examples = self.examples(record)
                except BadRecord as error:
                    faults.add(DataError(f"{path}:{line}: {error}"))
                except UNEXPECTED as error:
                    faults.add(DataError(f"{path}:{line}: {own_fault(self, error)}"))
                else:
                    yield from examples
        faults.raise_any()

    def records(self, path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[Record]:
        """The records of a file; ``on_fault`` takes the errors of those that are no JSON, else the first is raised."""
        return records(path, on_fault)

    def examples(self, record: Any) -> list[Example]:
        """The sentences of one record: one, unless the form holds documents. Raises BadRecord."""
        return [self.example(record)]

    def example(self, record: Any) -> Example:
        """The Example of one record. Raises BadRecord, which says what was expected."""
        raise NotImplementedError
