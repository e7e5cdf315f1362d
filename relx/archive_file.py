"""Read and write the file ``model.tar.gz``, and the facts in it, without building the model.

The members are ``meta.json`` (format, date, versions, plugins, training data), ``config.json`` (the experiment, with
all defaults), ``vocabulary/``, ``weights.safetensors``, ``metrics.json`` and, if the scores were calibrated,
``calibration.json`` and, if the transformer predicts in another precision, ``quantization.json``. Nothing is unpacked
to disk.
"""

import gzip
import io
import json
import os
import tarfile
import textwrap
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, TypeVar, cast

import numpy as np

from relx.calibration.calibration import Calibration
from relx.data.json_validation import BadRecord
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, RelxError
from relx.quantization.record import Quantization
from relx.utils.files import atomic_binary
from relx.utils.text import LONGEST_NAME, aligned, distinct_names, json_text, printable
from relx.version import __version__

T = TypeVar("T")

FORMAT = 2
META, CONFIG, METRICS, VOCABULARY = "meta.json", "config.json", "metrics.json", "vocabulary/"
CALIBRATION = "calibration.json"
QUANTIZATION = "quantization.json"
WEIGHTS = "weights.safetensors"
# Weights hardly compress: a file that grows more than this when unpacked was made to fill the memory.
LARGEST_GROWTH = 100
ALWAYS_ALLOWED = 64 * 1024 * 1024
MOST_MEMBERS = 1_000
CHUNK = 1024 * 1024
TOO_MUCH = "unpacks to far more than a model needs; refused"
GZIP = 16 + zlib.MAX_WBITS
ALIGNMENT = 64
LONGEST_MESSAGE = 2_000
HASH_DIGITS = 12
_wrapped = partial(textwrap.wrap, width=100, break_on_hyphens=False)
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "stanza")


@dataclass(frozen=True)
class TrainingRecord:
    """What an archive tells about the training that made it.

    ``date`` is the end of the training (ISO 8601, UTC). ``annotators`` are the ``identities`` of the tagger and the
    parser. ``data`` has, for each split, the ``path``, the ``sha256`` of its bytes, and the counts of ``sentences`` and
    ``triples``.
    """

    date: str | None = None
    annotators: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchiveFacts:
    """What an archive tells about its model. Whoever made the archive wrote this: escape it before you show it."""

    meta: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    vocabulary: Vocabulary
    calibration: Calibration | None = None
    quantization: Quantization | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything, for programs."""
        namespaces = self.vocabulary.shown
        parts = ("tokenizer", "sentence_splitter", "pos_tagger", "dependency_parser")
        return {
            "format": self.meta["format"],
            "date": self.meta.get("date"),
            "model": self.config.get("model"),
            "weights": self.meta.get("weights"),
            "relations": list(namespaces.get("relations", ())),
            "entity_types": list(namespaces.get("entity_types", ())),
            "vocabulary": self.vocabulary.sizes(),
            "protocols": self.config.get("protocols"),
            "scores": {split: self.metrics[split] for split in ("validation", "test") if split in self.metrics},
            "calibration": self.calibration and self.calibration.to_json(),
            "quantization": self.quantization and self.quantization.to_json(),
            "data": self.meta.get("data"),
            "annotators": {name: self.config[name] for name in parts if self.config.get(name) is not None},
            "trained_with": self.meta.get("trained_with"),
            "plugins": self.meta.get("plugins"),
            "versions": {"relx": self.meta.get("relx"), **_object(self.meta.get("versions"))},
        }

    def lines(self) -> list[str]:
        """Return the facts as lines for a terminal; a long list continues below its beginning."""
        rows = [
            (f"{name}:" if number == 0 else "", part)
            for name, value in self.rows()
            for number, part in enumerate(_wrapped(printable(value)) or [""])
        ]
        return [line.rstrip() for line in aligned(rows, left=2)]

    def rows(self) -> list[tuple[str, str]]:
        """Return the facts without the scores as names and values, for people."""
        facts = self.to_json()
        weights, data = _object(facts["weights"]), _object(facts["data"])
        parts = _object(facts["model"])
        plugins = list(map(_object, facts["plugins"] if isinstance(facts["plugins"], list) else ()))
        numbers = [count for count in weights.values() if isinstance(count, int)]
        return [
            ("trained", _value(facts["date"])),
            ("model", ", ".join(f"{name} {_value(_type(part))}" for name, part in parts.items() if part)),
            ("weights", f"{sum(numbers):,} ({_value(weights)})"),
            *((f"{name} ({len(facts[key])})", ", ".join(distinct_names(facts[key])) or "none")
              for name, key in (("relations", "relations"), ("entity types", "entity_types"))),
            ("vocabulary", _value(facts["vocabulary"])),
            ("protocols", _value(facts["protocols"])),
            ("thresholds", self.calibration.summary() if self.calibration else "the head's; scores are not calibrated"),
            ("precision", self.quantization.summary() if self.quantization else "float32"),
            *((f"{split} data", _value(_with_short_hash(facts_of))) for split, facts_of in data.items()),
            *((name, _value(part)) for name, part in facts["annotators"].items()),
            ("trained with", _value(facts["trained_with"] or "no tagger or parser with models")),
            ("plugins", _value([plugin.get("distribution") or plugin.get("include") for plugin in plugins])),
            ("versions", _value(facts["versions"])),
        ]  # fmt: skip


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _with_short_hash(data: Any) -> Any:
    """Return the facts about data with the first digits of their hash; ``to_json`` has all of them."""
    digest = data.get("sha256") if isinstance(data, dict) else None
    return {**data, "sha256": digest[:HASH_DIGITS]} if isinstance(digest, str) else data


def _type(part: Any) -> Any:
    return part.get("type", part) if isinstance(part, dict) else part


def _value(value: Any) -> str:
    """Return a JSON value in one line, without the brackets of its outermost list or object."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "none"
    if value is None:
        return "unknown"
    return f"{value:,}" if type(value) is int else value if isinstance(value, str) else json_text(value)


def name_of(path: str | Path) -> str:
    """Return the name of a model by the path of its archive: of the folder for a ``model.tar.gz``, else of the file."""
    whole = Path(os.path.abspath(path))
    name = whole.name.removesuffix(".tar.gz")
    return whole.parent.name if name == "model" and whole.parent.name else name


def read_facts(path: str | Path) -> ArchiveFacts:
    """Read what an archive tells about its model. Raises ArchiveError, as ``archive.load`` does for a damaged file."""
    with named_errors(path):
        files = read_members(path)
        meta, config, metrics = (json_object(files, name) for name in (META, CONFIG, METRICS))
        require_format(meta)
        member(files, WEIGHTS)
        return ArchiveFacts(meta, config, metrics, vocabulary_of(files), calibration_of(files), quantization_of(files))


@contextmanager
def named_errors(path: str | Path) -> Iterator[None]:
    """Raise each error of relx as an ArchiveError that names the archive and shows no unsafe text of it."""
    try:
        yield
    except RelxError as error:
        raise ArchiveError(bounded(f"{path}: {error}")) from error


def bounded(message: str) -> str:
    """Make a message safe that may hold text of a stranger: limit its length, and escape what commands a terminal.

    Only the first line begins at the margin, so that no line can pass for another message.
    """
    first, *rest = message[:LONGEST_MESSAGE].split("\n")
    text = "\n".join([printable(first), *(f"  {printable(line.lstrip())}" for line in rest)])
    return text + " ..." * (len(message) > LONGEST_MESSAGE)


def set_calibration(path: str | Path, output: str | Path, calibration: Calibration) -> None:
    """Write an archive with this calibration in place of its own. The other members stay as they are.

    Raises ArchiveError for an archive that cannot be read, RelxError for a file that cannot be written.
    """
    write_members(Path(output), {**read_members(path), CALIBRATION: json_bytes(calibration.to_json())})


def write_members(path: Path, files: Mapping[str, bytes]) -> None:
    """Write an archive. The file appears under its name whole or not at all. Raises RelxError if it cannot be written.

    The weights are stored as they are, because compression gains next to nothing there and costs most of the time.
    Equal content makes equal files: they hold no name and no time stamp.
    """
    others = {name: content for name, content in files.items() if name != WEIGHTS}
    weights = {WEIGHTS: files[WEIGHTS]} if WEIGHTS in files else {}
    with atomic_binary(path) as raw:
        for level, part, end in ((1, others, b""), (0, weights, bytes(2 * tarfile.BLOCKSIZE))):
            with gzip.GzipFile("", "wb", compresslevel=level, fileobj=raw, mtime=0) as packed:
                for name, content in part.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    packed.write(entry.tobuf())
                    packed.write(content)
                    packed.write(bytes(-len(content) % tarfile.BLOCKSIZE))
                packed.write(end)


def read_members(path: str | Path) -> dict[str, bytes]:
    """Read the members of an archive. Raises ArchiveError for a damaged file and for one that unpacks to too much.

    The weights are a writable buffer, in which ``read_weights`` finds aligned tensors without a copy.
    """
    try:
        with open(path, "rb") as packed:
            stream = _Unpacked(packed, ALWAYS_ALLOWED + LARGEST_GROWTH * os.fstat(packed.fileno()).st_size)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as tar:
                files = _members(tar, stream)
            while stream.read(CHUNK):  # up to the end, where the checksum is
                pass
            return files
    except FileNotFoundError:
        raise ArchiveError("no such archive") from None
    except IsADirectoryError:
        raise ArchiveError("is a folder; name the archive in it, which relx train calls model.tar.gz") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ArchiveError(f"not a complete relx archive ({error}); was it truncated, or is it another file?") from None
    except OSError as error:
        raise ArchiveError(f"cannot be read: {error.strerror or error}") from None


class _Unpacked(io.RawIOBase):
    """The content of a gzip file of one or more parts, of which no more than ``limit`` bytes are ever unpacked."""

    def __init__(self, packed: BinaryIO, limit: int) -> None:
        self.packed = packed
        self.left = limit
        self.part: Any = None
        self.pending = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``, or all. Raises ArchiveError if there are more than allowed."""
        if size <= 0:  # to zlib, both mean no limit or an error
            return self.readall() if size < 0 else b""
        while True:
            self.pending = self.pending or self.packed.read(CHUNK)
            if not self.pending:
                if self.part is not None:
                    raise EOFError("the file ends before its checksum")
                return b""
            if self.part is None:
                self.part = zlib.decompressobj(GZIP)
            content = self.part.decompress(self.pending, min(size, self.left + 1))
            self.pending = self.part.unconsumed_tail
            if self.part.eof:
                self.pending, self.part = self.part.unused_data, None
            self.left -= len(content)
            if self.left < 0:
                raise ArchiveError(TOO_MUCH)
            if content:
                return bytes(content)


def _members(tar: tarfile.TarFile, stream: _Unpacked) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in tar:
        if not _is_known(entry) or entry.name in files or len(files) == MOST_MEMBERS:
            raise ArchiveError(f"holds {entry.name!r}, which does not belong in a relx archive; nothing was unpacked")
        if entry.size > stream.left + CHUNK:
            raise ArchiveError(TOO_MUCH)
        content = tar.extractfile(entry)
        assert content is not None
        files[entry.name] = _aligned(content, entry.size) if entry.name == WEIGHTS else content.read()
    return files


def _aligned(content: IO[bytes], size: int) -> bytes:
    """Read the weights so that the first number, behind their header, has an address that suits a processor."""
    first = content.read(8)
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -(room.ctypes.data + len(first) + int.from_bytes(first, "little")) % ALIGNMENT
    buffer = room[start : start + size].data
    buffer[: len(first)] = first
    place = len(first)
    while place < size:
        read = content.read(min(CHUNK, size - place))
        if not read:
            raise EOFError("the weights are cut short")
        buffer[place : place + len(read)] = read
        place += len(read)
    return cast(bytes, buffer)


def _is_known(entry: tarfile.TarInfo) -> bool:
    """Return whether a member is a plain file (no link, device, folder or sparse file) with a name that relx writes."""
    if not entry.isreg() or entry.issparse():
        return False
    path = PurePosixPath(entry.name)
    inside = entry.name.startswith(VOCABULARY) and ".." not in path.parts and str(path) == entry.name
    return inside or entry.name in (META, CONFIG, WEIGHTS, METRICS, CALIBRATION, QUANTIZATION)


def member(files: Mapping[str, bytes], name: str) -> bytes:
    """Return the content of a member. Raises ArchiveError if there is none."""
    if name not in files:
        raise ArchiveError(f"holds no {name}: not a relx archive")
    return files[name]


def json_object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Parse a member that holds a JSON object. Raises ArchiveError."""
    try:
        content = json.loads(member(files, name))
        if name == CONFIG:
            json.dumps(content, allow_nan=False)  # Python's parser accepts NaN and 1e999 as numbers
    except (ValueError, RecursionError):
        raise ArchiveError(f"{name} is damaged: not usable JSON") from None
    if not isinstance(content, dict):
        raise ArchiveError(f"{name} is damaged: not an object")
    return content


def json_bytes(content: Any) -> bytes:
    """Write a member that holds JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def vocabulary_of(files: Mapping[str, bytes]) -> Vocabulary:
    """Read the vocabulary from the members. Raises ArchiveError."""
    return Vocabulary.from_files(
        {name.removeprefix(VOCABULARY): content for name, content in files.items() if name.startswith(VOCABULARY)}
    )


def calibration_of(files: Mapping[str, bytes]) -> Calibration | None:
    """Read the calibration from the members; None if there is none. Raises ArchiveError for a damaged one."""
    return _optional_record(files, CALIBRATION, Calibration.from_json)


def quantization_of(files: Mapping[str, bytes]) -> Quantization | None:
    """Read the precision from the members; None for float32. Raises ArchiveError for a damaged record."""
    return _optional_record(files, QUANTIZATION, Quantization.from_json)


def _optional_record(files: Mapping[str, bytes], name: str, read: Callable[[dict[str, Any]], T]) -> T | None:
    if name not in files:
        return None
    try:
        return read(json_object(files, name))
    except BadRecord as error:
        raise ArchiveError(f"{name} is damaged: {error}") from None


def require_format(meta: Mapping[str, Any]) -> None:
    """Raise ArchiveError for an archive of another format version."""
    if type(meta.get("format")) is not int or meta["format"] != FORMAT:
        writer = printable(str(meta.get("relx")), LONGEST_NAME)
        raise ArchiveError(
            f"has archive format {printable(json_text(meta.get('format')), LONGEST_NAME)} (written by relx {writer}), "
            f"and this relx ({__version__}) reads format {FORMAT} only; train the model again, or install the relx "
            "that wrote the archive"
        )


def library_versions() -> dict[str, str]:
    """Return the versions of relx and of the libraries that are installed here."""
    found = {"relx": __version__}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):  # not every model needs each of them
            found[name] = metadata.version(name)
    return found
