"""What the readers of JSON forms share."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.json_validation import BadRecord
from relx.errors import DataError, Faults, RelxError
from relx.readers.reader import DatasetReader, own_fault
from relx.readers.records import Record, records

logger = logging.getLogger(__name__)

SHOWN = 5


class JsonReader(DatasetReader):
    """Reads a file of JSON records. A subclass says what a record is: one sentence, or several.

    ``noted`` are the lines of the file that is read, by what was found in them that labels do not say exactly.
    """

    noted: dict[str, list[int]] | None = None
    line = 0

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """Whether the first record has the keys of this form."""
        try:
            value = next(records(path)).value
        except DataError:
            return False
        return isinstance(value, dict) and cls.recognizes_record(value)

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether a record is of this form, judged by its keys."""
        raise NotImplementedError

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of a file, in order.

        Raises DataError, after the last sentence, for all bad records, each with its line. An unexpected exception of
        the reader, such as a KeyError, counts as a fault of the record.
        """
        faults, self.noted = Faults(), {}
        with faults.gathered():
            for line, record in self.records(path, faults.add):
                self.line = line
                try:
                    examples = self.examples(record)
                    for example in examples:  # equal words of a corpus are one string in memory
                        example.tokens = [*map(sys.intern, example.tokens)]
                except BadRecord as error:
                    faults.add(DataError(f"{path}:{line}: {error}"))
                except RelxError:
                    raise
                except Exception as error:  # a reader raises whatever its author did not think of
                    faults.add(DataError(f"{path}:{line}: {own_fault(self, error)}"))
                else:
                    yield from examples
        faults.raise_any()
        for what, lines in self.noted.items():
            shown = ", ".join(map(str, lines[:SHOWN])) + ", ..." * (len(lines) > SHOWN)
            logger.warning("%s: %d %s (lines %s)", path, len(lines), what, shown)

    def note(self, what: str) -> None:
        """Count something in the record that is read; what was counted is logged at the end of the file."""
        if self.noted is not None:
            self.noted.setdefault(what, []).append(self.line)

    def records(self, path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[Record]:
        """Yield the records of a file; pass JSON errors to ``on_fault``, or raise the first one if it is None."""
        return records(path, on_fault)

    def examples(self, record: Any) -> list[Example]:
        """Return the sentences of one record: a single one, unless the form holds documents. Raises BadRecord."""
        return [self.example(record)]

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        raise NotImplementedError
