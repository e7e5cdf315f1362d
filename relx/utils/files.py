"""Reading and writing files: ``.gz`` where the name says so, clear errors, no half results."""

import errno
import gzip
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO

from relx.errors import DataError, RelxError
from relx.utils.text import printable

SHOWN = 6
AROUND = 20
_CONVERT = "expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)"
NO_TEXT = {
    b"\x1f\x8b": ("a gzip file", "its name has to end in .gz"),
    b"PK\x03\x04": ("a zip file", "unpack it first"),
    b"\xff\xfe": ("text in UTF-16", _CONVERT),
    b"\xfe\xff": ("text in UTF-16", _CONVERT),
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def text_lines(path: str | Path, on_fault: Callable[[DataError], None] | None = None) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a UTF-8 text file, one by one; only a newline ends a line.

    Raises DataError, with ``file:line``, for a file that cannot be read, a damaged gzip stream, and bytes that are not
    UTF-8. If ``on_fault`` is given, it receives the error for such bytes instead, and their line is skipped. A file
    that begins as no text does has a single error.
    """
    for number, line in enumerate(byte_lines(path), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            if number == 1:
                _require_text(path, line)
            fault = DataError(f"{path}:{number}: not UTF-8 text (byte {error.start + 1} of the line)")
            if on_fault is None:
                raise fault from None
            on_fault(fault)
        else:
            yield number, text


def _require_text(path: str | Path, line: bytes) -> None:
    """Raise DataError if a first line that is not UTF-8 is that of a compressed, otherwise encoded or binary file."""
    for begin, (what, remedy) in NO_TEXT.items():
        if line.startswith(begin):
            raise DataError(f"{path}: is {what}; {remedy}")
    if b"\0" in line:
        raise DataError(f"{path}: is a binary file (it holds zero bytes); expected UTF-8 text")


def byte_lines(path: str | Path) -> Iterator[bytes]:
    """Yield the lines of a file, one by one. Raises DataError for an unreadable file or an incomplete gzip file."""
    number = 0
    try:
        with gzip.open(path) if Path(path).suffix == ".gz" else open(path, "rb") as file:
            for line in file:
                number += 1
                yield line
    except FileNotFoundError:
        if os.path.islink(path):
            raise DataError(f"{path}: is a link to {printable(os.readlink(path))}, which does not exist") from None
        raise DataError(f"{path}: no such file{_files_beside(Path(path))}") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; expected a file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}:{number + 1}: damaged gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise DataError(f"{path!r}: cannot be read: {error}") from None


def require_file(path: str | Path, remedy: str) -> None:
    """Raise DataError with the remedy for a pipe, a terminal and the like, which can be read only once."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise DataError(f"{path}: is a pipe or a device, which can be read only once; {remedy}")


def sha256_of(path: str | Path, pattern: str = "*") -> str | None:
    """Return the SHA-256 of a file in hexadecimal, as ``sha256sum`` prints it; None for what cannot be read.

    For a folder it is that of one line for each file in it whose name fits the pattern, ``SHA-256  relative/path``, in
    the order of the paths.
    """
    digest, root = hashlib.sha256(), Path(path)
    try:
        if root.is_dir():
            for file in sorted(file for file in root.rglob(pattern) if file.is_file()):
                digest.update(f"{sha256_of(file)}  {file.relative_to(root).as_posix()}\n".encode())
        else:
            with open(root, "rb") as content:
                while chunk := content.read(2**20):
                    digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


@contextmanager
def atomic_write(path: str | Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file that ``atomic_binary`` writes, compressed if its name ends in ``.gz``.

    Raises RelxError for half of a surrogate pair, which UTF-8 cannot encode. Write JSON with ``json_text``.
    """
    try:
        with atomic_binary(path) as raw, _text(raw, Path(path)) as file:
            yield file
    except UnicodeEncodeError as error:
        around = printable(error.object[max(0, error.start - AROUND) : error.end + AROUND])
        raise RelxError(
            f"{path}: cannot be written: '{around}' holds half of a surrogate pair, which UTF-8 text cannot hold; "
            "remove it from the data (JSON can hold it: --to jsonl)"
        ) from None


@contextmanager
def atomic_binary(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only if the block succeeds, and then survives a power cut.

    A target that is not a regular file, such as ``/dev/stdout``, is written directly. Raises RelxError if the target
    cannot be written to or the disk is full.
    """
    path = Path(path).resolve() if os.path.isfile(path) else Path(path)
    raw, temporary = _open_target(path)
    try:
        with raw:
            yield raw
        if temporary is not None:
            _put_in_place(temporary, path)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def force_folder_to_disk(folder: Path) -> None:
    """Wait until the names in a folder would survive a power cut, where the system can promise that."""
    with suppress(OSError):  # Windows opens no folders, and some file systems have no such promise
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def leftovers(folder: Path, name: str = "*") -> Iterator[Path]:
    """Yield partial files of that name (it may hold ``*``): a killed process leaves them in ``atomic_binary``."""
    yield from folder.glob(f".{name}.*")


def append_line(path: str | Path, text: str) -> None:
    """Append a line to a UTF-8 text file, create the file if necessary, and force the line to the disk.

    Raises RelxError if the file cannot be written.
    """
    new = not os.path.exists(path)
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(f"{text}\n")
            _force_to_disk(file)
        if new:
            force_folder_to_disk(Path(path).parent)
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None


def _files_beside(path: Path) -> str:
    """List the files with the same suffix, for the message that a file is missing."""
    with suppress(OSError):
        names = sorted(file.name for file in path.parent.iterdir() if file.suffix == path.suffix)
        return f"; its folder has {', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}" if names else ""
    return ""


def _open_target(path: Path) -> tuple[BinaryIO, Path | None]:
    """Return the file to write to, and the path of the temporary file if there is one."""
    try:
        if path.exists() and not path.is_file():
            return open(path, "wb"), None
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        return os.fdopen(descriptor, "wb"), Path(name)
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None


def _put_in_place(temporary: Path, path: Path) -> None:
    try:
        with open(temporary, "rb+") as file:
            _force_to_disk(file)
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
        force_folder_to_disk(path.parent)
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None


def _force_to_disk(file: IO[Any]) -> None:
    """Wait until what was written would survive a power cut."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _text(raw: BinaryIO, path: Path) -> Iterator[TextIO]:
    # Without a name and a time stamp in it, equal content makes equal files.
    compressed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else nullcontext(raw)
    with raw, compressed as binary, io.TextIOWrapper(binary, encoding="utf-8", newline="\n") as text:
        yield text


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
