"""Tables of texts: Parquet, Arrow, CSV and JSON lines, read from any row on in constant memory."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from relx.errors import DataError, Faults
from relx.readers.records import records
from relx.utils.files import byte_lines
from relx.utils.text import counted

PLAN = "_plan.json"  # its folder has predictions of relx
ROWS_AT_ONCE = 1024
NAMED = 1000  # so many first records of JSON lines name the columns
CSV_BLOCK = 16 * 2**20

Batches = Iterator[pa.RecordBatch]


def table_files(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that paths, folders and patterns such as ``in/*.parquet`` name, and the others of the folders.

    Folders below them that hold predictions of relx are left out, so that an output can be in the folder of its input.
    Raises one DataError for all that name no table.
    """
    faults, found, left_out = Faults(), [], []
    for path in paths:
        if os.path.isdir(path):
            files = _files_below(Path(path))
            tables = [file for file in files if _form(file) is not None]
            left_out += [file for file in files if _form(file) is None]
            if not tables:
                faults.add(DataError(f"{path}: holds no table; expected files of the forms {_forms()}"))
        elif has_magic(path) and not os.path.exists(path):
            files = sorted(file for file in glob(path, recursive=True) if os.path.isfile(file))
            is_of_folder = not has_magic(os.path.dirname(path))
            tables = [file for file in files if is_of_folder or not (Path(file).parent / PLAN).exists()]
            if not tables:
                faults.add(DataError(f"{path}: no file matches this pattern"))
        else:
            tables = [path]
        for file in tables:
            if _form(file) is None:
                faults.add(DataError(f"{file}: is no table by its name; expected one of the forms {_forms()}"))
            elif not os.path.isfile(file):
                faults.add(DataError(f"{file}: no such file"))
        found += tables
    twice = sorted({file for file in found if found.count(file) > 1}) if len(set(found)) < len(found) else []
    for file in twice:
        faults.add(DataError(f"{file}: is named twice among the inputs"))
    faults.raise_any()
    return found, left_out


def is_empty(path: str) -> bool:
    """Return whether a file of CSV or JSON lines has neither a header nor a record."""
    is_text = (_form(path) or "").startswith((".csv", ".jsonl"))
    return is_text and not any(line.strip() for line in byte_lines(path))


def columns_of(path: str) -> pa.Schema:
    """Return the names and types of the columns of a table. Raises DataError for a file that cannot be read."""
    with _readable(path):
        schema = FORMS[_form(path) or ""][0](path)
        names = schema.names
    if len(set(names)) < len(names):
        again = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: has two columns {again!r}; give them different names")
    return schema


def rows_from(path: str, columns: Sequence[str], start: int = 0) -> Batches:
    """Yield these columns of a table in batches, from a row on, which counts from 0. Raises DataError."""
    if is_empty(path):
        return
    read = FORMS[_form(path) or ""][1]
    with _readable(path):
        for batch in read(path, columns, start):
            yield batch.select([*columns])


class RowReader:
    """Read ranges of rows of several tables; consecutive ranges of one table read it once."""

    def __init__(self, paths: Sequence[str], columns: Sequence[str]) -> None:
        self.paths = paths
        self.columns = columns
        self.file = -1
        self.row = 0
        self.batches: Batches = iter(())
        self.rest: pa.RecordBatch | None = None

    def read(self, file: int, start: int, count: int) -> pa.Table:
        """Return so many rows of a file, from ``start`` on. Raises DataError, also for a file that has become short."""
        if file != self.file or start < self.row:
            self.file, self.row, self.rest = file, start, None
            self.batches = rows_from(self.paths[file], self.columns, start)
        self._take(start - self.row)
        found = self._take(count)
        if sum(batch.num_rows for batch in found) < count:
            raise DataError(f"{self.paths[file]}: has become shorter since the work began")
        return pa.Table.from_batches(found)

    def _take(self, count: int) -> list[pa.RecordBatch]:
        found = []
        while count:
            batch = self.rest if self.rest is not None else next(self.batches, None)
            if batch is None:
                break
            found.append(batch.slice(0, count))
            self.rest = batch.slice(count) if batch.num_rows > count else None
            count -= found[-1].num_rows
            self.row += found[-1].num_rows
        return found


def _parquet_columns(path: str) -> pa.Schema:
    with pyarrow.parquet.ParquetFile(path) as file:
        return file.schema_arrow


def _parquet(path: str, columns: Sequence[str], start: int) -> Batches:
    with pyarrow.parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if start < count:
                batches = file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=[*columns])
                yield from _after(batches, start)
            start = max(0, start - count)


@contextmanager
def _opened_arrow(path: str) -> Iterator[Any]:
    """Open an Arrow file or an Arrow stream."""
    with pa.memory_map(path) as source:
        try:
            reader = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            reader = pa.ipc.open_stream(source)
        with reader:
            yield reader


def _arrow_columns(path: str) -> pa.Schema:
    with _opened_arrow(path) as reader:
        return reader.schema


def _arrow(path: str, columns: Sequence[str], start: int) -> Batches:
    with _opened_arrow(path) as reader:
        count = getattr(reader, "num_record_batches", None)
        batches = iter(reader) if count is None else map(reader.get_batch, range(count))
        for batch in _after(batches, start):
            for first in range(0, batch.num_rows, ROWS_AT_ONCE):
                yield batch.slice(first, ROWS_AT_ONCE)


def _open_csv(path: str, **convert: Any) -> Any:
    return pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            # A text that is not UTF-8 is an error of its row.
            check_utf8=False,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            **convert,
        ),
    )


def _csv_columns(path: str) -> pa.Schema:
    with _open_csv(path) as reader:
        return pa.schema([(name, pa.string()) for name in reader.schema.names])


def _csv(path: str, columns: Sequence[str], start: int) -> Batches:
    types = dict.fromkeys(columns, pa.string())
    with _open_csv(path, column_types=types, include_columns=[*columns]) as reader:
        yield from _after(reader, start)


def _json_columns(path: str) -> pa.Schema:
    first = islice(records(path), NAMED)
    names = dict.fromkeys(name for record in first if isinstance(record.value, dict) for name in record.value)
    return pa.schema([(name, pa.string()) for name in names])


def _json(path: str, columns: Sequence[str], start: int) -> Batches:
    schema = pa.schema([(name, pa.string()) for name in columns])
    found = islice(records(path), start, None)
    while chunk := list(islice(found, ROWS_AT_ONCE)):
        for record in chunk:
            if not isinstance(record.value, dict):
                raise DataError(f"{path}:{record.line}: expected a JSON object with the columns of the row")
        rows = [{name: _as_text(record.value.get(name)) for name in columns} for record in chunk]
        yield pa.RecordBatch.from_pylist(rows, schema)


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _after(batches: Iterator[pa.RecordBatch], start: int) -> Batches:
    """Yield the rows from ``start`` on."""
    for batch in batches:
        if start < batch.num_rows:
            yield batch.slice(start)
        start = max(0, start - batch.num_rows)


Form = tuple[Callable[[str], pa.Schema], Callable[[str, Sequence[str], int], Batches]]
FORMS: dict[str, Form] = {
    ".parquet": (_parquet_columns, _parquet),
    ".arrow": (_arrow_columns, _arrow),
    ".feather": (_arrow_columns, _arrow),
    ".csv": (_csv_columns, _csv),
    ".csv.gz": (_csv_columns, _csv),
    ".jsonl": (_json_columns, _json),
    ".jsonl.gz": (_json_columns, _json),
}


def _forms() -> str:
    return ", ".join(FORMS)


def _form(path: str) -> str | None:
    return next((suffix for suffix in FORMS if path.endswith(suffix)), None)


def _files_below(folder: Path) -> list[str]:
    """Return the files that are meant as data: not hidden, no list of Spark, and no predictions of relx."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    outputs = {file.parent for file in files if file.name == PLAN} - {folder}
    return [
        str(file)
        for file in files
        if not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        and outputs.isdisjoint(file.parents)
    ]


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(f"{path}: cannot be read as {(_form(path) or '')[1:]}: {reason}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: has a column whose name is not UTF-8; correct it") from None


def files_left_out(files: Sequence[str]) -> str:
    """Return a sentence about files in folders that are no tables."""
    verb = "is" if len(files) == 1 else "are"
    return f"{counted(len(files), 'file')} in the folders {verb} no table and not read, such as {files[0]}"
