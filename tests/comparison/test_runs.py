import json
import logging
from pathlib import Path

import pytest

from relx.comparison.runs import finished_runs, read_json
from relx.errors import DataError


def run(folder: Path, metrics: object = {}) -> Path:
    """The folder of a run; without metrics it is at work, or was killed."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_a_run_is_itself(tmp_path: Path) -> None:
    assert finished_runs(run(tmp_path / "a", {"interrupted": False, "failure": None})) == [tmp_path / "a"]


def test_a_folder_of_seeds_is_its_runs_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    runs = [run(tmp_path / name) for name in ("seed_10", "seed_2", "seed_1")]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").touch()
    assert finished_runs(tmp_path) == runs[::-1]


@pytest.mark.parametrize("metrics", [None, {"interrupted": True}, {"failure": "the loss is nan"}])
def test_what_was_cut_short_is_left_out_with_a_warning(
    metrics: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, half = run(tmp_path / "seed_1"), run(tmp_path / "seed_2", metrics)
    with caplog.at_level(logging.WARNING):
        assert finished_runs(tmp_path) == [whole]
    assert caplog.messages == [f"{half}: not finished; left out"]
    with pytest.raises(DataError, match="seed_2: not finished; continue it with relx train --recover"):
        finished_runs(half)


def test_a_folder_without_runs(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(DataError, match=f"{path}: neither the folder of a run nor a folder of such folders"):
            finished_runs(path)


def test_a_damaged_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DataError, match="a.json: is damaged: not JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match="b.json: cannot be read: No such file"):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize("content", ["[]", "5", "null", "true", '"x"', "[" * 50_000])
def test_metrics_of_another_shape_are_one_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(DataError, match="metrics.json: is damaged: not "):
        finished_runs(tmp_path)
