import gzip
import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from relx.errors import DataError, RelxError
from relx.utils.files import append_line, atomic_write, sha256_of, text_lines


def test_lines_end_at_newlines_only_and_a_byte_order_mark_is_dropped(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\u2028\x85\r\n\n\x1ctwo".encode())
    assert list(text_lines(path)) == [(1, "one\u2028\x85\r\n"), (2, "\n"), (3, "\x1ctwo")]


def test_gzip_is_transparent_both_ways(tmp_path):
    path = tmp_path / "a.txt.gz"
    with atomic_write(path) as file:
        file.write("é\nb\n")
    assert gzip.decompress(path.read_bytes()).decode() == "é\nb\n"
    assert list(text_lines(path)) == [(1, "é\n"), (2, "b\n")]


def error_of(path) -> str:
    with pytest.raises(DataError) as error:
        list(text_lines(path))
    return str(error.value)


def test_what_cannot_be_read_says_why(tmp_path):
    assert error_of(tmp_path / "none") == f"{tmp_path / 'none'}: no such file"
    for number in range(8):
        (tmp_path / f"{number}.json").touch()
    beside = "0.json, 1.json, 2.json, 3.json, 4.json, 5.json, ..."
    assert error_of(tmp_path / "none.json").endswith(f"no such file; its folder has {beside}")
    assert error_of(tmp_path / "none.txt") == f"{tmp_path / 'none.txt'}: no such file"
    assert error_of(tmp_path) == f"{tmp_path}: is a folder; expected a file"


def test_bytes_that_are_not_utf8_are_placed(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"fine\nBogot\xe1\n")
    assert error_of(path) == f"{path}:2: not UTF-8 text (byte 6 of the line)"


WHOLE = gzip.compress(b"line\n" * 9, mtime=0)


@pytest.mark.parametrize("content", [b"plain text", WHOLE[:-9], WHOLE[:12] + b"x" + WHOLE[13:], WHOLE[:-8] + b"x" * 8])
def test_a_damaged_gzip_file_is_one_error(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    assert "damaged gzip file" in error_of(path)


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path) as file:
        file.write("new")
        raise KeyError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_new_file_has_the_rights_of_the_old_or_the_usual_ones(tmp_path):
    old, new, usual = (tmp_path / name for name in ("old", "new", "usual"))
    old.touch(0o640)
    usual.touch()
    for path in (old, new):
        with atomic_write(path) as file:
            file.write("x")
    assert old.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode == usual.stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("place", ["missing/a.txt", "."])
def test_a_place_that_cannot_be_written_is_one_error(tmp_path, place):
    with pytest.raises(RelxError, match="cannot be written"), atomic_write(tmp_path / place):
        pass


def test_a_folder_that_goes_while_a_file_is_written_is_one_error(tmp_path):
    place = tmp_path / "run"
    place.mkdir()
    with pytest.raises(RelxError, match="a.txt: cannot be written: No such file"), atomic_write(place / "a.txt"):
        shutil.rmtree(place)


def test_lines_are_added(tmp_path):
    append_line(tmp_path / "a.txt", "é")
    append_line(tmp_path / "a.txt", "b")
    assert (tmp_path / "a.txt").read_bytes() == "é\nb\n".encode()


@pytest.mark.parametrize(("place", "why"), [("gone/a.txt", "No such file"), (".", "Is a"), ("/dev/full", "No space")])
def test_a_line_that_cannot_be_added_is_one_error(tmp_path, place, why):
    with pytest.raises(RelxError, match=f"{re.escape(str(tmp_path / place))}: cannot be written: {why}"):
        append_line(tmp_path / place, "b")


def test_equal_content_makes_equal_gzip_files(tmp_path):
    for name in ("a.gz", "b.gz"):
        with atomic_write(tmp_path / name) as file:
            file.write("same")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_what_is_no_plain_file_is_written_as_it_comes():
    with atomic_write("/dev/null") as file:
        file.write("x")
    assert not os.path.isfile("/dev/null")


def test_a_file_and_then_its_name_are_forced_to_the_disk(tmp_path, monkeypatch):
    forced = []
    fsync = os.fsync

    def noted(descriptor):
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        forced.append((os.path.basename(place).split(".")[:2], sorted(os.listdir(tmp_path))))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with atomic_write(tmp_path / "new") as file:
        file.write("content")
    (half, before), (folder, after) = forced
    assert half == ["", "new"] and "new" not in before
    assert folder == tmp_path.name.split(".") and after == ["new"]
    forced.clear()
    for _ in range(2):
        append_line(tmp_path / "lines", "one")
    assert [place for place, _ in forced] == [["lines"], [tmp_path.name], ["lines"]]


def test_the_sha256_of_a_file_and_of_a_folder_are_those_of_the_usual_tools(tmp_path):
    (tmp_path / "data" / "b").mkdir(parents=True)
    for name in ("z.txt", "b/a.ann"):
        (tmp_path / "data" / name).write_text(name)
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("b/a.ann", "z.txt")]
    assert sha256_of(tmp_path / "data" / "z.txt") == lines[1].split()[0]
    assert sha256_of(str(tmp_path / "data")) == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert sha256_of(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}".encode("utf-16"), "a: is text in UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)"),
        (gzip.compress(b"{}", mtime=0), "a: is a gzip file; its name has to end in .gz"),
        (b"PK\x03\x04\xff\n\xff", "a: is a zip file; unpack it first"),
        (b"\xca\xfe\x00\x01\n\xff\n\xff", "a: is a binary file (it holds zero bytes); expected UTF-8 text"),
    ],
)
def test_what_is_no_text_is_one_fault(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(content)
    faults = []
    with pytest.raises(DataError) as error:
        list(text_lines("a", faults.append))
    assert str(error.value) == message and faults == []
