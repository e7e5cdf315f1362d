"""What the readers of JSON forms share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.errors import DataError
from relx.readers.reader import DatasetReader
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
        """The sentences of a file, in order. Raises DataError, starting with ``file:line``, at the first bad record."""
        for line, record in self.records(path):
            try:
                examples = self.examples(record)
            except BadRecord as error:
                raise DataError(f"{path}:{line}: {error}") from None
            yield from examples

    def records(self, path: str | Path) -> Iterator[Record]:
        """The records of a file."""
        return records(path)

    def examples(self, record: Any) -> list[Example]:
        """The sentences of one record: one, unless the form holds documents. Raises BadRecord."""
        return [self.example(record)]

    def example(self, record: Any) -> Example:
        """The Example of one record. Raises BadRecord, which says what was expected."""
        raise NotImplementedError
