"""The work on tables: the parts it is cut into, and the list of those that are done."""

import json
import logging
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from relx.bulk.settings import CODE, Settings, digest
from relx.bulk.tables import PLAN, columns_of, is_empty, rows_from
from relx.errors import DataError, Faults, RelxError
from relx.utils.files import append_line, atomic_write, leftovers, sha256_of
from relx.utils.text import counted, json_text, printable

logger = logging.getLogger(__name__)

DONE = "_parts.jsonl"
ENTRY = {"part": int, "file": str, "sha256": str, "rows": int} | dict.fromkeys(
    ("failures", "counts", "given", "dropped"), dict
)  # the types of an entry of the list
TOKEN = 5  # bytes of text, about
SHOWN = 6
AHEAD = 2  # parts that a process or an actor is given at once, the one at work among them
OWN = ("id", "sentences", "entities", "relations", "error", "error_kind")


@dataclass(frozen=True)
class Part:
    """Consecutive rows of one file, which one process predicts at once. ``start`` counts from 0."""

    number: int
    file: int
    start: int
    rows: int

    @property
    def name(self) -> str:
        """The name of the file with the predictions."""
        return f"part-{self.number:06d}.parquet"


@dataclass
class Plan:
    """The parts of the work, and what it depends on: settings by name, files by digest."""

    settings: dict[str, Any]
    files: list[dict[str, Any]]
    parts: list[Part] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return sum(part.rows for part in self.parts)

    def write(self, folder: Path) -> None:
        """Write the plan into the folder of the output, at once."""
        with atomic_write(folder / PLAN) as file:
            file.write(json_text(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """Read the plan of a folder. Raises DataError for a damaged one."""
        try:
            content = json.loads((folder / PLAN).read_text(encoding="utf-8"))
            settings = dict(content["settings"])
            settings[CODE] = [[name, code] for name, code in settings[CODE]]
            files = [{key: file[key] for key in ("name", "sha256", "rows")} for file in content["files"]]
            return cls(settings, files, [Part(**part) for part in content["parts"]])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder / PLAN}: cannot be read as a plan of relx: {error}; write to another folder"
            ) from None


def claim(folder: Path, settings: Settings, paths: Sequence[str]) -> Plan:
    """Return the plan of a folder with output: that which is in it, or a new one, which is written.

    Raises RelxError for a folder with other content, and for one that was begun with other settings or tables.
    """
    if not (folder / PLAN).exists():
        stranger = next((file.name for file in folder.iterdir() if not file.name.startswith(".")), None)
        if stranger is not None:
            raise RelxError(f"{folder}: holds {stranger} and no work that relx could continue; write to another folder")
        plan = make_plan(settings, paths)
        plan.write(folder)
        return plan
    plan = Plan.read(folder)
    if changed := [*_changes(plan, settings, paths)]:
        raise RelxError("\n".join([
            f"{folder}: holds predictions with other settings, and relx does not mix two kinds:",
            *(f"  {change}" for change in changed),
            "undo this, or write to another folder",
        ]))  # fmt: skip
    for file in leftovers(folder, "*.parquet"):
        file.unlink(missing_ok=True)
    return plan


def make_plan(settings: Settings, paths: Sequence[str]) -> Plan:
    """Read the ids and texts of all tables, and cut them into parts. Raises DataError with all that is wrong."""
    require_columns(settings, paths)
    plan = Plan(settings.identity(), [])
    faults, ids = Faults(), _Ids()
    for number, path in enumerate(paths):
        with faults.gathered():
            start, size, rows = 0, 0, 0
            for batch in rows_from(path, settings.columns()):
                if settings.id_column is not None:
                    try:
                        ids.add(number, rows, batch.column(settings.id_column))
                    except UnicodeDecodeError:
                        where = f"{path}: the column {settings.id_column!r}"
                        raise DataError(f"{where} holds an id that is not UTF-8; correct it") from None
                for tokens in _tokens(batch.column(settings.column)):
                    if size and size + tokens > settings.part_tokens:
                        plan.parts.append(Part(len(plan.parts), number, start, rows - start))
                        start, size = rows, 0
                    size += tokens
                    rows += 1
            if rows > start:
                plan.parts.append(Part(len(plan.parts), number, start, rows - start))
            plan.files.append({"name": Path(path).name, "sha256": digest(path), "rows": rows})
    faults.raise_any()
    if not plan.parts:
        raise _no_row(paths)
    if empty := [path for path, file in zip(paths, plan.files, strict=True) if not file["rows"]]:
        logger.warning("%s without a row, such as %s", counted(len(empty), "table"), empty[0])
    ids.require_unique(settings, paths)
    return plan


def require_columns(settings: Settings, paths: Sequence[str]) -> pa.Schema:
    """Return the columns that are read of each table, with their types. Raises DataError with all that is wrong."""
    faults = Faults()
    if settings.id_column is None and len({Path(path).name for path in paths}) < len(paths):
        faults.add(DataError("two tables have the same name, so that rows need ids; name their column: --id-column"))
    for name in set(settings.keep) & set(OWN) - ({"id"} if settings.id_column == "id" else set()):
        faults.add(DataError(f"--keep {name}: the output has a column of this name; rename that of the table"))
    types: dict[str, tuple[pa.DataType, str]] = {}
    for path in paths:
        with faults.gathered():
            if is_empty(path):
                continue
            schema = columns_of(path)
            missing = [name for name in settings.columns() if name not in schema.names]
            if missing:
                there = ", ".join(map(printable, schema.names)) or "none"
                raise DataError(f"{path}: has no column {', '.join(map(repr, missing))}; its columns: {there}")
            schema = pa.schema([(name, _plain(schema.field(name).type)) for name in settings.columns()])
            _require_types(path, schema, settings)
            for name, type in zip(schema.names, schema.types, strict=True):
                known, place = types.get(name, (type, path))
                both = _type_for(known, type)
                if both is None:
                    faults.add(
                        DataError(f"{path}: the column {name!r} holds {type}, in {place} {known}; make them equal")
                    )
                types[name] = (known, place) if both in (None, known) else (both, path)
    faults.raise_any()
    if not types:
        raise _no_row(paths)
    return pa.schema([(name, type) for name, (type, _) in types.items()])


def finished(folder: Path, plan: Plan) -> tuple[list[dict[str, Any]], int]:
    """Return what is listed of the parts that are done, and how many entries are damaged or do not fit their files.

    The list then holds the former alone. An end that a kill cut off does not count as damaged.
    """
    path = folder / DONE
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    read = [_entry(line) for line in whole]
    entries = {entry["part"]: entry for entry in read if entry is not None}
    sound = [
        entry
        for number, entry in entries.items()
        if number < len(plan.parts) and sha256_of(folder / plan.parts[number].name) == entry["sha256"]
    ]
    if len(sound) < len(lines):
        with atomic_write(path) as file:
            file.writelines(f"{json_text(entry)}\n" for entry in sound)
    return sound, len(entries) - len(sound) + read.count(None)


def list_part(folder: Path, entry: dict[str, Any]) -> None:
    """Add a part that is done to the list. Raises RelxError if the list cannot be written."""
    append_line(folder / DONE, json_text(entry))


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return an entry of the list; None for one that is damaged."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    is_whole = isinstance(entry, dict) and all(type(entry.get(key)) is type_ for key, type_ in ENTRY.items())
    if not is_whole or entry["part"] < 0:
        return None
    numbers = [entry[key].values() for key, type_ in ENTRY.items() if type_ is dict]
    return entry if all(type(number) is int for values in numbers for number in values) else None


def _changes(plan: Plan, settings: Settings, paths: Sequence[str]) -> Iterator[str]:
    """Yield what differs from a plan, a line for each setting and file."""
    for name, value in settings.identity().items():
        before = plan.settings.get(name)
        if name == CODE and before != value:
            yield from _changed_plugins(before or [], value)
        elif before != value:
            is_file = name in ("archive", "--entities", "--schema") and None not in (before, value)
            what = "is another file" if is_file else f"was {json_text(before)}, is {json_text(value)}"
            yield f"{name} {what}"
    changed = _changed_tables(plan, settings, paths)
    yield from changed[:SHOWN]
    if len(changed) > SHOWN:
        yield f"and {len(changed) - SHOWN:,} more tables"


def _changed_plugins(before: list[list[str]], now: list[list[str]]) -> Iterator[str]:
    names = [[name for name, _ in plugins] for plugins in (before, now)]
    if names[0] != names[1]:
        yield f"{CODE} was {json_text(names[0])}, is {json_text(names[1])}"
    else:
        yield from (
            f"the code of {CODE} {new[0]} has changed" for old, new in zip(before, now, strict=True) if old != new
        )


def _changed_tables(plan: Plan, settings: Settings, paths: Sequence[str]) -> list[str]:
    """Return a line for each table that was changed, added, removed or renamed, or one for another order.

    Tables are compared by digest, wherever they lie. Without a column of ids, names count too: the ids contain them.
    """
    before = [(file["name"], file["sha256"]) for file in plan.files]
    now = [(path, digest(path)) for path in paths]
    added, missing = _without(now, before), _without(before, now)
    if added or missing:
        names, there = set(missing), {Path(path).name for path in added}
        return [
            *(f"the table {path} {'has changed' if Path(path).name in names else 'is new'}" for path in added),
            *(f"the table {name} is missing" for name in missing if name not in there),
        ]
    if [found for _, found in now] != [found for _, found in before]:
        places: dict[str, list[str]] = {}
        for path, found in now:
            places.setdefault(found, []).append(path)
        order = [places[found].pop(0) for _, found in before]
        return [f"the tables are in another order; it was {', '.join(order[:SHOWN])}{', ...' * (len(order) > SHOWN)}"]
    if settings.id_column is not None:
        return []
    pairs = [(path, name) for (path, _), (name, _) in zip(now, before, strict=True) if Path(path).name != name]
    return [f"the table {path} had the name {name}, which is in the ids of its rows" for path, name in pairs]


def _without(tables: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of the tables with a digest that the others do not have, or not as often."""
    left = Counter(found for _, found in others)
    names = []
    for name, found in tables:
        if left[found]:
            left[found] -= 1
        else:
            names.append(name)
    return names


def _plain(type: pa.DataType) -> pa.DataType:
    """Return the type of a column in the output: one for all forms of text."""
    if pa.types.is_dictionary(type):
        type = type.value_type
    return pa.string() if pa.types.is_large_string(type) or pa.types.is_string_view(type) else type


def _type_for(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type that holds the values of both without loss: that of either beside nulls, or wider integers."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if not (pa.types.is_integer(one) and pa.types.is_integer(other)):
        return None
    fits = [
        type
        for type in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
        if all(_holds(type, narrow) for narrow in (one, other))
    ]
    return min(fits, key=lambda type: type.bit_width, default=None)


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Return whether an integer type holds all values of another."""
    if pa.types.is_signed_integer(wide) == pa.types.is_signed_integer(narrow):
        return wide.bit_width >= narrow.bit_width
    return pa.types.is_signed_integer(wide) and wide.bit_width > narrow.bit_width


def _no_row(paths: Sequence[str]) -> DataError:
    return DataError(f"{paths[0]}: holds no row" if len(paths) == 1 else "the tables hold no row")


def _require_types(path: str, schema: pa.Schema, settings: Settings) -> None:
    faults = Faults()
    text = schema.field(settings.column).type
    if not pa.types.is_string(text) and not pa.types.is_null(text):
        faults.add(DataError(f"{path}: the column {settings.column!r} holds {text}; expected texts (string)"))
    if settings.id_column is not None:
        id = schema.field(settings.id_column).type
        if not (pa.types.is_string(id) or pa.types.is_integer(id) or pa.types.is_null(id)):
            column = f"the column {settings.id_column!r}"
            faults.add(DataError(f"{path}: {column} holds {id}; expected ids that are texts or integers"))
    faults.raise_any()


def _tokens(texts: pa.Array) -> list[int]:
    """Return how many tokens each text has, about; 1 for a null."""
    sizes = pc.fill_null(pc.binary_length(texts.cast(pa.large_binary())), 0)
    return pc.add(pc.divide(sizes, TOKEN), 1).to_pylist()


class _Ids:
    """The ids of all tables, eight bytes of each: enough to find those that may occur twice."""

    def __init__(self) -> None:
        self.hashes = array("Q")
        self.nulls: dict[int, list[int]] = {}

    def add(self, file: int, row: int, ids: pa.Array) -> None:
        for place, id in enumerate(_ids(ids), row):
            if id is None:
                self.nulls.setdefault(file, []).append(place)
            else:
                self.hashes.append(_hash(id))

    def require_unique(self, settings: Settings, paths: Sequence[str]) -> None:
        """Raise DataError for ids that are null, and for the first ones that occur twice."""
        faults = Faults()
        for file, rows in self.nulls.items():
            where = f"the column {settings.id_column!r} is null in {len(rows):,} of its rows"
            faults.add(DataError(f"{paths[file]}: {where}, first in row {rows[0] + 1:,}; each row needs an id"))
        hashes = np.sort(np.frombuffer(self.hashes, np.uint64)) if self.hashes else np.zeros(0, np.uint64)
        again = {int(value) for value in hashes[1:][hashes[1:] == hashes[:-1]]}
        twice = self._places(again, settings, paths) if again else {}
        for id, (first, second) in [*twice.items()][:SHOWN]:
            faults.add(DataError(f"{second}: the id {id!r} is that of {first} already; each row needs its own"))
        if len(twice) > SHOWN:
            faults.add(DataError(f"{len(twice) - SHOWN:,} more ids occur in several rows"))
        faults.raise_any()

    def _places(self, hashes: set[int], settings: Settings, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return the first two places of each id with one of these hashes that occurs twice."""
        assert settings.id_column is not None
        first: dict[str, str] = {}
        twice: dict[str, tuple[str, str]] = {}
        for path in paths:
            row = 0
            for batch in rows_from(path, [settings.id_column]):
                for id in _ids(batch.column(0)):
                    row += 1
                    if id is not None and _hash(id) in hashes:
                        place = f"{path}, row {row:,}"
                        if id in first:
                            twice.setdefault(id, (first[id], place))
                        first.setdefault(id, place)
        return twice


def _ids(column: pa.Array) -> list[str | None]:
    return [id if id is None else str(id) for id in column.to_pylist()]


def _hash(id: str) -> int:
    return int.from_bytes(blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
