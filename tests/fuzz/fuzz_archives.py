"""Corrupted archives: ``python tests/fuzz/fuzz_archives.py [--count 500]``.

A small trained archive is cut short, has bits flipped, is packed anew with damaged members, paths that lead elsewhere,
links, devices and bombs, or is replaced by a foreign file; ``relx predict`` is then asked to use it. Each has to be
refused with a message that names the file. A change that gzip itself does not notice (a time stamp in its header) has
to leave the answers as they were, and damage under a right checksum, which no archive can tell from a training that
came out so, has to leave an archive that answers or is refused. Nothing may be written beside the output, nor the
memory grow by more than a limit.
"""

import gzip
import io
import json
import os
import pickle
import random
import resource
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fuzz_runner import arguments, command, outcome_of, run

from relx.data.json_form import example_to_json, to_line
from relx.testing import SENTENCES
from relx.training.checkpointing.run_folder import ARCHIVE
from relx.training.run import train_in_folder

EXPERIMENT = {
    "dataset_reader": {"type": "jsonl"},
    "model": {
        "embedder": {"type": "words", "dim": 8},
        "encoder": {"type": "lstm", "hidden_size": 8},
        "head": {"type": "hmt", "hidden_size": 8, "tag_dim": 8},
    },
    "trainer": {"epochs": 2, "optimizer": {"type": "adam"}},
}
TEXT = "Ada Lovelace was born in London .\nEdith works for Intel .\n"
BOMB = 512 * 2**20
MOST_MEMORY = 1024 * 2**20
REFUSED, ANSWERED, UNHARMED = "refused", "answers, under a right checksum", "unharmed"

Members = dict[str, bytes]
Corrupt = Callable[["Original", random.Random, Path], None]


class Original:
    """A sound archive, its members, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        train = folder / "train.jsonl"
        train.write_text("".join(to_line(example_to_json(example)) + "\n" for example in SENTENCES))
        tree = {**EXPERIMENT, "train_data_path": str(train)}
        train_in_folder(tree, folder / "run")
        self.path = folder / "run" / ARCHIVE
        self.whole = self.path.read_bytes()
        with tarfile.open(self.path) as tar:
            self.members: Members = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
        (folder / "text.txt").write_text(TEXT)
        self.answer = self.predict(self.path).out

    def predict(self, archive: Path):
        """How ``relx predict`` ended."""
        return command("predict", archive, self.folder / "text.txt", "--text")


def pack(path: Path, members: Iterator[tuple[tarfile.TarInfo, bytes]], closing: bytes = b"") -> None:
    """An archive of these members, as relx packs them."""
    with gzip.open(path, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    if closing:
        with open(path, "ab") as file:
            file.write(closing)


def plain(members: Members) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Members as plain files."""
    return ((tarfile.TarInfo(name), content) for name, content in members.items())


def with_member(original: Original, draw: random.Random, member: tarfile.TarInfo, content: bytes = b"") -> Iterator:
    """The members of the archive and, somewhere among them, another one."""
    members = list(plain(original.members))
    members.insert(draw.randrange(len(members) + 1), (member, content))
    return iter(members)


def cut_short(original: Original, draw: random.Random, path: Path) -> None:
    path.write_bytes(original.whole[: draw.randrange(len(original.whole))])


def flipped(original: Original, draw: random.Random, path: Path) -> None:
    broken = bytearray(original.whole)
    for _ in range(draw.choice((1, 1, 1, 8, 64))):
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
    path.write_bytes(broken)


def overwritten(original: Original, draw: random.Random, path: Path) -> None:
    start, length = draw.randrange(len(original.whole)), draw.randrange(1, 4096)
    filling = draw.choice((bytes(length), draw.randbytes(length)))
    path.write_bytes(original.whole[:start] + filling + original.whole[start + length :])


def shuffled(original: Original, draw: random.Random, path: Path) -> None:
    size = 512
    parts = [original.whole[start : start + size] for start in range(0, len(original.whole), size)]
    draw.shuffle(parts)
    path.write_bytes(b"".join(parts))


def damaged_member(original: Original, draw: random.Random, path: Path) -> None:
    """One member with bytes changed, lost or doubled, packed with a right checksum."""
    members = dict(original.members)
    name = draw.choice(list(members))
    content, place = bytearray(members[name]), draw.randrange(len(members[name]) + 1)
    end = place + draw.randrange(1, 64)
    members[name] = bytes(draw.choice((
        content[:place],
        content[:place] + content[end:],
        content[:place] + draw.randbytes(end - place) + content[end:],
        content[:place] + content[place:end] * 2 + content[end:],
        b"",
    )))  # fmt: skip
    pack(path, plain(members))


VALUES = (None, -1, 0, 10**15, 10**30, "x", "../x", "\ud800", [], {}, [[]], {"type": "os.system"}, True, 0.5)


def another_value(original: Original, draw: random.Random, path: Path) -> None:
    """The configuration or the facts with a value of another kind."""
    members = dict(original.members)
    name = draw.choice(("config.json", "meta.json", "vocabulary/facts.json"))
    tree = json.loads(members[name])
    holder = tree
    while isinstance(holder, dict) and holder:
        key = draw.choice(list(holder))
        if not isinstance(holder[key], dict) or not holder[key] or draw.random() < 0.3:
            holder[key] = draw.choice(VALUES)
            break
        holder = holder[key]
    pack(path, plain({**members, name: json.dumps(tree).encode()}))


def lacking(original: Original, draw: random.Random, path: Path) -> None:
    lost = draw.choice(list(original.members))
    pack(path, plain({name: content for name, content in original.members.items() if name != lost}))


def doubled(original: Original, draw: random.Random, path: Path) -> None:
    name = draw.choice(list(original.members))
    pack(path, with_member(original, draw, tarfile.TarInfo(name), original.members[name]))


def led_elsewhere(original: Original, draw: random.Random, path: Path) -> None:
    target = original.folder / "outside" / "evil"
    ways = (str(target), f"../{target.name}", f"vocabulary/../../{target.name}", f"vocabulary//{target}",
            "vocabulary/..", "..", "/etc/passwd", "C:\\evil", "vocabulary/x/../../../evil", "vocabulary/./evil",
            "weights.safetensors/../evil", f"{'../' * 20}{target}")  # fmt: skip
    pack(path, with_member(original, draw, tarfile.TarInfo(draw.choice(ways)), b"evil"))


def linked(original: Original, draw: random.Random, path: Path) -> None:
    name = draw.choice(("config.json", "vocabulary/words.txt", "evil", "vocabulary/evil"))
    member = tarfile.TarInfo(name)
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
             tarfile.GNUTYPE_SPARSE, b"Z")  # fmt: skip
    member.type = draw.choice(kinds)
    member.linkname = draw.choice(("/etc/passwd", "../../evil", "weights.safetensors", name))
    members = {n: c for n, c in original.members.items() if n != name}
    pack(path, iter([(member, b""), *plain(members)]))


class Zeros(io.RawIOBase):
    """So many bytes of nothing, which take no memory here."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        """The next of them."""
        given = min(self.left, size if size >= 0 else self.left)
        self.left -= given
        return bytes(given)


def pressed(size: int) -> bytes:
    """So many zeros, compressed."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        shutil.copyfileobj(Zeros(size), packed, 2**20)
    return out.getvalue()


def bomb(original: Original, draw: random.Random, path: Path) -> None:
    """A small file that unpacks to half a gigabyte: in a member, in a header, behind the last member, in layers."""
    way = draw.randrange(4)
    if way == 0:
        member = tarfile.TarInfo(draw.choice(("vocabulary/zeros.txt", "weights.safetensors", "meta.json")))
        member.size = BOMB
        with gzip.open(path, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(member, Zeros(BOMB))
    elif way == 1:
        member = tarfile.TarInfo("vocabulary/comment.txt")
        member.pax_headers = {"comment": "x" * (BOMB // 4)}
        pack(path, with_member(original, draw, member))
    elif way == 2:
        pack(path, plain(original.members), pressed(BOMB))
    else:
        path.write_bytes(gzip.compress(pressed(BOMB) * 10))


def many(original: Original, draw: random.Random, path: Path) -> None:
    pack(path, plain(original.members | {f"vocabulary/{n}.txt": b"" for n in range(draw.randrange(1_000, 20_000))}))


def foreign(original: Original, draw: random.Random, path: Path) -> None:
    """Another file under the archive's name."""
    way = draw.randrange(9)
    if way == 0:
        path.write_bytes(b"")
    elif way == 1:
        path.write_bytes(draw.randbytes(draw.randrange(1, 10_000)))
    elif way == 2:
        path.write_text("once upon a time\n" * 100)
    elif way == 3:
        path.write_bytes(pickle.dumps(_Evil(original.folder / "outside" / "evil")))
    elif way == 4:
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr("archive/data.pkl", pickle.dumps(_Evil(original.folder / "outside" / "evil")))
    elif way == 5:
        path.write_bytes(original.members["weights.safetensors"])
    elif way == 6:
        pack(path, plain({"pytorch_model.bin": pickle.dumps({}), "tokenizer.json": b"{}"}))
    elif way == 7:
        path.mkdir()
    else:
        path.write_bytes(gzip.compress(b"no tar at all" * draw.randrange(1, 1000)))


class _Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


WAYS: list[Corrupt] = [
    cut_short, flipped, flipped, overwritten, shuffled, damaged_member, damaged_member, another_value, another_value,
    lacking, doubled, led_elsewhere, led_elsewhere, linked, linked, many, foreign, foreign, foreign, bomb,
]  # fmt: skip
# What a checksum cannot tell from a sound archive.
UNTOLD = (damaged_member, another_value)


class Archives:
    """The corrupted archive of each number, and what ``relx predict`` makes of it."""

    def __init__(self, folder: Path) -> None:
        self.original = Original(folder)
        (folder / "outside").mkdir()
        (folder / "place").mkdir()
        self.path = folder / "place" / "broken.tar.gz"

    def attempt(self, number: int) -> str:
        """How the use of that archive ended. Raises AssertionError for what may not be."""
        corrupt = WAYS[number % len(WAYS)]
        if self.path.is_dir():
            self.path.rmdir()
        self.path.unlink(missing_ok=True)
        corrupt(self.original, random.Random(number), self.path)
        before, size = self._files(), _memory()
        ended = self.original.predict(self.path)
        assert self._files() == before, f"files have changed: {self._files() ^ before}"
        assert _memory() - size < MOST_MEMORY, f"the memory grew by {(_memory() - size) / 2**20:.0f} MiB"
        outcome = outcome_of(ended)
        if outcome == "ArchiveError":
            assert f"error: {self.path}: " in ended.err and not ended.out, ended.err
            return f"{corrupt.__name__}: {REFUSED}"
        assert outcome == "valid" or corrupt in UNTOLD, outcome
        assert ended.out == self.original.answer or corrupt in UNTOLD, ended.out
        return f"{corrupt.__name__}: {UNHARMED if ended.out == self.original.answer else ANSWERED}"

    def _files(self) -> set[tuple[str, int]]:
        return {(str(path), path.lstat().st_mtime_ns) for path in self.original.folder.rglob("*")}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Print how many archives ended how."""
    given = arguments(__doc__, 500)
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        return run(Archives(Path(name)).attempt, given)


if __name__ == "__main__":
    raise SystemExit(main())
