import errno
import subprocess
import sys
from pathlib import Path

import pytest

from relx.errors import TrainingError
from relx.utils import folder_lock
from relx.utils.folder_lock import inherited, locked, note_process

INSIDE = """
import pathlib, sys, time
from relx.utils.folder_lock import locked

with locked(pathlib.Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(100)
"""


def test_only_one_can_be_at_work(tmp_path: Path) -> None:
    message = r"another relx is working here \(process \d+ on .+\); wait for it to end, or choose another folder"
    with locked(tmp_path), pytest.raises(TrainingError, match=message), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_process_that_is_killed_leaves_the_folder_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", INSIDE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "inside\n"
        with pytest.raises(TrainingError, match=rf"\(process {other.pid} on "), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):
        pass


def test_who_inherits_the_lock_keeps_others_away(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=inherited(lock))
        note_process(lock, child.pid)
    with pytest.raises(TrainingError, match=rf"\(process {child.pid} on "), locked(tmp_path):
        pass
    child.communicate(b"\n")
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(TrainingError, match="cannot be used as output folder: Is a directory"), locked(tmp_path):
        pass


def test_where_the_file_system_has_no_locks_that_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(lock: object, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", flock)
    with locked(tmp_path):
        pass
    assert "cannot be locked (No locks available); make sure that only one relx works in it" in caplog.text
