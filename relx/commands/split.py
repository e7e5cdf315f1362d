"""``relx split``: a corpus into parts, drawn at random."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from pathlib import Path

    from relx.readers.reader import DatasetReader
    from relx.readers.split import PartSize, Unit

HELP = "split a corpus into parts, drawn at random; documents stay whole"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx split``."""
    parser.add_argument("input", metavar="IN", help="a corpus: a file, or brat's folder")
    parser.add_argument("output", metavar="OUT", help="the folder for the parts, which have the form of IN")
    parser.add_argument(
        "parts", nargs="+", metavar="NAME=SIZE", help="a part and its size: 0.5%%, 0.005, 352, or rest (at most once)"
    )
    parser.add_argument("--seed", type=int, default=13, help="of the draw (default: 13)")
    parser.add_argument("--stratify", action="store_true", help="give each part the same share of each relation type")
    parser.add_argument("--reader", metavar="READER", help="the form of IN (default: judged by content)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the parts and say what they hold. Raises DataError, ConfigError, PluginError, RelxError."""
    import sys
    from pathlib import Path

    from relx.readers import make_reader, reader_for
    from relx.readers.split import draw, numbers_of_units, rarest, read_units, sentences_in_several
    from relx.utils.files import require_file

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


def _log_unread_documents(source: str, units: "list[Unit]") -> None:
    import logging

    from relx.readers.split import unread_document_keys

    for key, number in unread_document_keys(units).items():
        logging.getLogger(__name__).warning(
            "%s: %d records have the key %r, which relx does not read as a document, so that the parts may share "
            "documents; write the name of the document, as text, to meta.document (form jsonl)", source, number, key
        )  # fmt: skip


def _parts(texts: list[str]) -> "list[PartSize]":
    """Return the parts that the command line names. Raises one DataError that lists every fault."""
    from relx.errors import DataError
    from relx.readers.split import REST

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


def _part(name: str, size: str) -> "PartSize | None":
    """Return a part of that size, or None if the text is not a size."""
    from relx.readers.split import REST, PartSize

    if size == REST:
        return PartSize(name, size)
    try:
        if size.isascii() and size.isdigit():
            return PartSize(name, size, count=int(size)) if int(size) else None
        share = float(size[:-1]) / 100 if size.endswith("%") else float(size)
    except ValueError:
        return None
    return PartSize(name, size, share=share) if 0 < share <= 1 else None


def _require_new(targets: "list[Path]") -> None:
    from relx.errors import DataError

    there = [str(target) for target in targets if target.exists() or target.is_symlink()]
    if there:
        raise DataError(f"{', '.join(there)}: already there, and never overwritten; name another folder")


def _write(reader: "DatasetReader", source: str, parts: "dict[Path, list[Unit]]") -> None:
    """Write all parts, or none: beside their places first. Raises RelxError."""
    import tempfile
    from pathlib import Path

    from relx.errors import RelxError
    from relx.readers.split import write_units

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


def _held(units: "list[Unit]", what: str) -> str:
    sentences = sum(len(unit.examples) for unit in units)
    triples = sum(len(unit.relation_types) for unit in units)
    documents = f"{len(units):,} documents, " if what == "documents" else ""
    return f"{documents}{sentences:,} sentences, {triples:,} triples"
