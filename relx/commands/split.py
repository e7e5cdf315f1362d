"""``relx split``: a corpus into parts, drawn at random: units that stay whole, in files of the corpus' own form."""

import argparse
import logging
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relx.commands.common import add_include_argument, include_plugins
from relx.data.example import Example
from relx.data.json_form import to_line
from relx.data.json_validation import BadRecord
from relx.errors import DataError, RelxError
from relx.readers import make_reader, reader_for
from relx.readers.brat.reader import BratReader
from relx.readers.documents import document_of
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader
from relx.readers.records import records
from relx.utils.files import atomic_write, require_file, text_lines

logger = logging.getLogger(__name__)

REST = "rest"
# Keys that look like the name of a document, in lower case and without marks. relx reads ``meta.document`` only.
DOCUMENT_KEYS = frozenset(
    ("doc", "docid", "dockey", "docname", "document", "documentid", "documentkey", "documentname")
)


@dataclass(frozen=True)
class PartSize:
    """How much of a corpus a part has: a ``count`` of units, a ``share`` of all, or, where both are None, the rest."""

    name: str
    text: str
    count: int | None = None
    share: float | None = None

    @property
    def shown(self) -> str:
        """The part as it was asked for."""
        return f"{self.name}={self.text}"


@dataclass
class Unit:
    """A document, or a sentence of no document: its sentences and, in JSON forms, its unchanged records."""

    document: str | None
    examples: list[Example] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)

    @property
    def relation_types(self) -> list[str]:
        """The types of its relations."""
        return [relation.type for example in self.examples for relation in example.relations]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx split``."""
    parser.add_argument("input", metavar="IN", help="a corpus: a file, or brat's folder")
    parser.add_argument("output", metavar="OUT", help="the folder for the parts, which have the form of IN")
    parser.add_argument(
        "parts", nargs="+", metavar="NAME=SIZE", help="a part and its size: 0.5%%, 0.005, 352, or rest (at most once)"
    )
    parser.add_argument("--seed", type=int, default=13, help="of the draw (default: 13)")
    parser.add_argument("--stratify", action="store_true", help="give each part the same share of each relation type")
    parser.add_argument("--reader", metavar="READER", help="the form of IN (default: recognized by content)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the parts and say what they hold. Raises DataError, ConfigError, PluginError, RelxError."""
    include_plugins(args)
    require_file(args.input, "write it to a file first")
    parts = _parts(args.parts)
    folder, source = Path(args.output), Path(args.input)
    suffix = "" if source.is_dir() else "".join(source.suffixes[-2 if source.suffix == ".gz" else -1 :])
    targets = [folder / f"{part.name}{suffix}" for part in parts]
    _require_new(targets)
    form = args.reader or reader_for(args.input)
    reader = make_reader(form)
    units = read_units(reader, args.input)
    _log_unread_documents(args.input, units)
    what = "documents" if any(unit.document is not None for unit in units) else "sentences"
    numbers = numbers_of_units(parts, len(units), what)
    strata = rarest([unit.relation_types for unit in units]) if args.stratify else None
    drawn = [[units[i] for i in of_part] for of_part in draw(numbers, len(units), args.seed, strata)]
    _write(reader, args.input, dict(zip(targets, drawn, strict=True)))
    for target, of_part in zip(targets, drawn, strict=True):
        print(f"{args.input} ({form}) -> {target}: {_held(of_part, what)}", file=sys.stderr)
    if left := len(units) - sum(numbers):
        print(f"{left:,} of {len(units):,} {what} are in no part", file=sys.stderr)
    if shared := sentences_in_several(drawn):
        print(f"{shared:,} sentences are in more than one part, with the same tokens", file=sys.stderr)
    return 0


def _log_unread_documents(source: str, units: list[Unit]) -> None:
    for key, number in unread_document_keys(units).items():
        logger.warning(
            "%s: %d records have the key %r, which relx does not read as a document, so that the parts may share "
            "documents; write the name of the document, as text, to meta.document (form jsonl)", source, number, key
        )  # fmt: skip


def _parts(texts: list[str]) -> list[PartSize]:
    """Return the parts that the command line names. Raises one DataError that lists every fault."""
    faults, parts = [], []
    for text in texts:
        name, equals, size = text.partition("=")
        part = _part(name, size)
        if not equals or not name or part is None:
            faults.append(f"{text}: expected NAME=SIZE, with a share such as 0.5% or 0.005, a count, or {REST}")
        elif name in (".", "..") or any(mark in name for mark in "/\\\0"):
            faults.append(f"{text}: the name of a part is the name of a file in OUT, and no path")
        else:
            parts.append(part)
    names = [part.name for part in parts]
    faults += [f"{name}: is the name of two parts" for name in dict.fromkeys(names) if names.count(name) > 1]
    if sum(part.text == REST for part in parts) > 1:
        faults.append(f"{REST}: is the size of two parts; give one of them a share or a count")
    if faults:
        raise DataError("\n  ".join(faults))
    return parts


def _part(name: str, size: str) -> PartSize | None:
    """Return a part of that size, or None if the text is not a size."""
    if size == REST:
        return PartSize(name, size)
    try:
        if size.isascii() and size.isdigit():
            return PartSize(name, size, count=int(size)) if int(size) else None
        share = float(size[:-1]) / 100 if size.endswith("%") else float(size)
    except ValueError:
        return None
    return PartSize(name, size, share=share) if 0 < share <= 1 else None


def _require_new(targets: list[Path]) -> None:
    there = [str(target) for target in targets if target.exists() or target.is_symlink()]
    if there:
        raise DataError(f"{', '.join(there)}: already there, and never overwritten; name another folder")


def _write(reader: DatasetReader, source: str, parts: dict[Path, list[Unit]]) -> None:
    """Write all parts, or none: beside their places first. Raises RelxError."""
    folder = next(iter(parts)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".split.", dir=folder) as beside:
            for target, units in parts.items():
                write_units(reader, source, units, Path(beside) / target.name)
            for target in parts:
                (Path(beside) / target.name).rename(target)
    except OSError as error:
        raise RelxError(f"{folder}: cannot be written: {error.strerror}") from None


def _held(units: list[Unit], what: str) -> str:
    sentences = sum(len(unit.examples) for unit in units)
    triples = sum(len(unit.relation_types) for unit in units)
    documents = f"{len(units):,} documents, " if what == "documents" else ""
    return f"{documents}{sentences:,} sentences, {triples:,} triples"


def numbers_of_units(parts: Sequence[PartSize], units: int, what: str) -> list[int]:
    """Return the number of units in each part; rounding preserves the sum, so that 100 % uses every unit.

    ``what`` names the units. Raises DataError for parts that need more units than exist, and for an empty part.
    """
    numbers, asked = [], 0.0
    for part in parts:
        before, asked = asked, asked + (part.share or 0)
        numbers.append(round(asked * units) - round(before * units) if part.share is not None else part.count or 0)
    left = units - sum(numbers)
    if asked > 1 + 1e-9 or left < 0:
        raise DataError(f"{' '.join(part.shown for part in parts)}: too much; IN has {units:,} {what}")
    numbers = [left if part.text == REST else number for part, number in zip(parts, numbers, strict=True)]
    empty = [part.shown for part, number in zip(parts, numbers, strict=True) if not number]
    if empty:
        raise DataError(f"{', '.join(empty)}: would be empty; IN has {units:,} {what}, and each is in one part only")
    return numbers


def draw(numbers: Sequence[int], units: int, seed: int, strata: Sequence[str | None] | None = None) -> list[list[int]]:
    """Draw disjoint sets of so many of ``units`` units: the sorted indices of each set.

    With ``strata``, the stratum of each unit, every set has nearly the same share of each stratum: each stratum is
    spread evenly over one order of all units, from which the sets are cut (systematic sampling).
    """
    generator = random.Random(seed)
    order = list(range(units))
    generator.shuffle(order)
    if strata is not None:
        sizes, seen = Counter(strata), Counter[str | None]()
        offsets: dict[str | None, float] = {}
        places = {}
        for unit in order:
            stratum = strata[unit]
            offset = offsets.setdefault(stratum, generator.random())
            places[unit] = (seen[stratum] + offset) / sizes[stratum]
            seen[stratum] += 1
        order.sort(key=places.__getitem__)
    drawn, start = [], 0
    for number in numbers:
        drawn.append(sorted(order[start : start + number]))
        start += number
    return drawn


def rarest(types: Sequence[Sequence[str]]) -> list[str | None]:
    """Of the relation types of each unit the one that the fewest units have; None for a unit without any."""
    counts = Counter(type for of_unit in types for type in set(of_unit))
    return [min(of_unit, key=lambda type: (counts[type], type), default=None) for of_unit in types]


def read_units(reader: DatasetReader, path: str | Path) -> list[Unit]:
    """Return the units of a corpus in the order in which they begin. Raises DataError at the first bad record.

    All sentences of one document form one unit, even if they are not adjacent.
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


def sentences_in_several(parts: Iterable[Iterable[Unit]]) -> int:
    """Return the number of sentences, by their tokens, that are in more than one part."""
    of_parts = [{tuple(example.tokens) for unit in units for example in unit.examples} for units in parts]
    counts = Counter(tokens for of_part in of_parts for tokens in of_part if tokens)
    return sum(count > 1 for count in counts.values())


def unread_document_keys(units: Iterable[Unit]) -> Counter[str]:
    """Count the units without a document that have a key like the name of a document, by this key."""
    counts = Counter[str]()
    for unit in units:
        if all(document_of(example) is None for example in unit.examples):
            holders = [record for record in unit.records if isinstance(record, dict)]
            holders += [meta for record in holders if isinstance(meta := record.get("meta"), dict)]
            holders += [example.meta for example in unit.examples if example.meta]
            counts.update({key for holder in holders for key, value in holder.items() if _names_document(key, value)})
    return counts


def write_units(reader: DatasetReader, source: str | Path, units: Iterable[Unit], path: Path) -> None:
    """Write units in the form of their source: JSON records and brat's files unchanged. Raises RelxError."""
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
    """Yield the groups of sentences that cannot be separated, each with the JSON record that holds it."""
    if not isinstance(reader, JsonReader):
        yield from (([example], None) for example in reader.read(path))
        return
    for raw, record in zip(records(path), reader.records(path), strict=True):
        try:
            yield reader.examples(record.value), raw.value
        except BadRecord as error:
            raise DataError(f"{path}:{raw.line}: {error}") from None


def _names_document(key: str, value: Any) -> bool:
    letters = "".join(filter(str.isalnum, key.lower()))
    return letters in DOCUMENT_KEYS and type(value) in (str, int) and value != ""


def _write_records(source: str | Path, units: Iterable[Unit], path: Path) -> None:
    """One record a line, as a JSON list where the source is one."""
    as_list = next(line.lstrip().startswith("[") for _, line in text_lines(source) if line.strip())
    lines = [to_line(record) for unit in units for record in unit.records]
    with atomic_write(path) as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n" if as_list else "".join(f"{line}\n" for line in lines))
