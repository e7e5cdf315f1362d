import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from relx.errors import TrainingError
from relx.training.checkpoints import Checkpoints, Moment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def saved(folder: Path, *moments: tuple[int, int], keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step, best in moments:
        checkpoints.save(Moment(step, best), {"step": step, "weights": torch.full((10,), step)})
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


class TestWhatIsKept:
    def test_the_last_ones_and_the_best_of_each(self, folder: Path) -> None:
        saved(folder, (1, 1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 5), keep=2)
        assert names(folder) == ["step_5_best_5.safetensors", "step_6_best_5.safetensors"]
        saved(folder, (7, 5), (8, 8), keep=2)
        assert names(folder) == [f"step_{name}.safetensors" for name in ("5_best_5", "7_best_5", "8_best_8")]

    def test_one_without_a_best(self, folder: Path) -> None:
        checkpoints = saved(folder, (3, 0))
        assert names(folder) == ["step_3.safetensors"]
        newest = checkpoints.newest()
        assert newest is not None and newest["step"] == 3

    def test_those_of_a_future_that_did_not_come_and_halves_of_killed_writes_go(self, folder: Path) -> None:
        checkpoints = saved(folder, (10, 10), (20, 10), (30, 10))
        (folder / ".step_40_best_40.safetensors.abcdefgh").touch()
        damage(folder / "step_30_best_10.safetensors")
        assert checkpoints.newest()["step"] == 20
        assert "step_30_best_10.safetensors" in names(folder)
        saved(folder, (25, 10))
        assert names(folder) == [f"step_{step}_best_10.safetensors" for step in (10, 20, 25)]

    def test_what_is_not_ours_stays(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "step_one.txt").touch()
        saved(folder, (1, 1), (2, 2), (3, 3))
        assert "step_one.txt" in names(folder)


class TestReading:
    def test_where_there_is_none(self, folder: Path) -> None:
        assert Checkpoints(folder, 2).newest() is None

    def test_steps_are_numbers(self, folder: Path) -> None:
        assert saved(folder, (9, 9), (10, 10)).newest()["step"] == 10

    def test_a_broken_one_is_passed_over_with_a_warning(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        checkpoints = saved(folder, (1, 1), (2, 1))
        damage(folder / "step_2_best_1.safetensors")
        assert checkpoints.newest()["step"] == 1
        [warning] = caplog.messages
        assert "step_2_best_1.safetensors: " in warning and warning.endswith("going on from the checkpoint before it")

    def test_so_is_one_whose_best_is_broken(self, folder: Path) -> None:
        checkpoints = saved(folder, (1, 1), (2, 2), (3, 2), keep=3)
        damage(folder / "step_2_best_2.safetensors")
        assert checkpoints.newest()["step"] == 1

    def test_when_all_are_broken_that_is_an_error(self, folder: Path) -> None:
        checkpoints = saved(folder, (1, 1), (2, 1))
        for file in folder.iterdir():
            damage(file)
        with pytest.raises(TrainingError, match="checkpoints: no checkpoint is whole; give --force to start anew"):
            checkpoints.newest()

    def test_the_best_is_read_by_its_step(self, folder: Path) -> None:
        checkpoints = saved(folder, (1, 1), (2, 1))
        assert checkpoints.best(1)["step"] == 1
        damage(folder / "step_1_best_1.safetensors")
        with pytest.raises(TrainingError, match="the best weights cannot be read back: .*step_1_best_1"):
            checkpoints.best(1)


class TestWhenItCannotBeWritten:
    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(TrainingError, match="file/checkpoints: cannot be written: Not a directory"):
            saved(tmp_path / "file" / "checkpoints", (1, 1))

    def test_a_full_disk_loses_no_earlier_checkpoint(self, folder: Path) -> None:
        checkpoints = saved(folder, (1, 1), (2, 1))
        before = {name: (folder / name).read_bytes() for name in names(folder)}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a write beyond it fails as on a full disk
        try:
            with pytest.raises(TrainingError, match=f"cannot be written: {os.strerror(errno.EFBIG)}"):
                checkpoints.save(Moment(3, 3), {"weights": torch.zeros(10_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {name: (folder / name).read_bytes() for name in names(folder)} == before
