import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from relx.errors import TrainingError
from relx.training.checkpointing.checkpoints import Checkpoints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def saved(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, {"step": step, "weights": torch.full((10,), step)})
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


class TestWhatIsKept:
    def test_the_last_ones(self, folder: Path) -> None:
        saved(folder, 1, 2, 3, 10, keep=2)
        assert names(folder) == ["step_10.safetensors", "step_3.safetensors"]

    def test_those_of_a_future_that_did_not_come_and_halves_of_killed_writes_go(self, folder: Path) -> None:
        checkpoints = saved(folder, 10, 20, 30, keep=3)
        (folder / ".step_40.safetensors.abcdefgh").touch()
        damage(folder / "step_30.safetensors")
        assert checkpoints.newest()["step"] == 20
        assert "step_30.safetensors" in names(folder)
        saved(folder, 25, keep=3)
        assert names(folder) == [f"step_{step}.safetensors" for step in (10, 20, 25)]

    def test_what_is_not_ours_stays(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "step_one.txt").touch()
        saved(folder, 1, 2, 3)
        assert "step_one.txt" in names(folder)


class TestReading:
    def test_where_there_is_none(self, folder: Path) -> None:
        assert Checkpoints(folder, 2).newest() is None

    def test_steps_are_numbers(self, folder: Path) -> None:
        assert saved(folder, 9, 10).newest()["step"] == 10

    def test_a_broken_one_is_passed_over_with_a_warning(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        checkpoints = saved(folder, 1, 2)
        damage(folder / "step_2.safetensors")
        assert checkpoints.newest()["step"] == 1
        [warning] = caplog.messages
        assert "step_2.safetensors: " in warning and warning.endswith("continuing from the checkpoint before it")

    def test_an_older_one_that_is_broken_is_no_matter(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        checkpoints = saved(folder, 1, 2)
        damage(folder / "step_1.safetensors")
        assert checkpoints.newest()["step"] == 2 and caplog.messages == []

    def test_when_all_are_broken_that_is_an_error_that_names_them(self, folder: Path) -> None:
        checkpoints = saved(folder, 1, 2)
        for file in folder.iterdir():
            damage(file)
        message = r"(?s)no checkpoint is complete:\n  \S+step_2.\w+: .*\n  \S+step_1.\w+: .*\nStart again"
        with pytest.raises(TrainingError, match=message):
            checkpoints.newest()


class TestWhenItCannotBeWritten:
    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(TrainingError, match="file/checkpoints: cannot be written: Not a directory"):
            saved(tmp_path / "file" / "checkpoints", 1)

    def test_a_full_disk_loses_no_earlier_checkpoint(self, folder: Path) -> None:
        checkpoints = saved(folder, 1, 2)
        before = {name: (folder / name).read_bytes() for name in names(folder)}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a write beyond it fails as on a full disk
        try:
            with pytest.raises(TrainingError, match=f"cannot be written: {os.strerror(errno.EFBIG)}"):
                checkpoints.save(3, {"weights": torch.zeros(10_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {name: (folder / name).read_bytes() for name in names(folder)} == before
