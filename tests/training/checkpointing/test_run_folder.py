import json
import os
from pathlib import Path
from typing import Any

import pytest

from relx.errors import TrainingError
from relx.training.checkpointing.run_folder import FILES, FOLDERS, RunFolder

EXPERIMENT: dict[str, Any] = {"dataset_reader": {}, "model": {}, "trainer": {"epochs": 2}}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


@pytest.fixture
def earlier(place: Path) -> Path:
    """A folder with an earlier run, and with something of the user's."""
    place.mkdir(parents=True)
    for name in FILES:
        (place / name).write_text(json.dumps(EXPERIMENT))
    for name in FOLDERS:
        (place / name).mkdir()
        (place / name / "anything").touch()
    (place / "notes.txt").write_text("mine")
    (place / ".model.tar.gz.abc").touch()  # a process was killed while it wrote
    return place


def test_a_new_folder_is_made_with_those_above_it(place: Path) -> None:
    assert RunFolder.claim(place, force=False).path == place
    assert os.listdir(place) == []


def test_an_empty_folder_is_taken_and_so_is_one_where_a_run_was_killed_before_it_began(place: Path) -> None:
    place.mkdir(parents=True)
    RunFolder.claim(place, force=False)
    (place / ".config.json.abc").touch()
    (place / ".lock").touch()
    RunFolder.claim(place, force=False).start(EXPERIMENT)
    assert sorted(os.listdir(place)) == [".lock", "config.json"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_refused(place: Path, force: bool) -> None:
    place.mkdir(parents=True)
    (place / "notes.txt").touch()
    with pytest.raises(TrainingError, match="is not empty" if not force else "only an earlier run is replaced"):
        RunFolder.claim(place, force)


@pytest.mark.parametrize("content", ['{"model_type": "bert"}', "[]", "no JSON"])
def test_a_config_of_another_program_makes_no_run(place: Path, content: str) -> None:
    place.mkdir(parents=True)
    (place / "config.json").write_text(content)
    with pytest.raises(TrainingError, match="only an earlier run is replaced"):
        RunFolder.claim(place, force=True)
    with pytest.raises(TrainingError, match="holds no run to continue"):
        RunFolder.resume(place, EXPERIMENT)
    assert (place / "config.json").read_text() == content


def test_an_earlier_run_is_refused_without_force(earlier: Path) -> None:
    before = sorted(earlier.rglob("*"))
    with pytest.raises(
        TrainingError, match=r"folder \(-s\), .* it .--force.; in Python: output=, recover=True, force=True"
    ):
        RunFolder.claim(earlier, force=False)
    assert sorted(earlier.rglob("*")) == before


def test_with_force_it_stays_until_the_new_one_starts(earlier: Path) -> None:
    before = sorted(earlier.rglob("*"))
    folder = RunFolder.claim(earlier, force=True)
    assert sorted(earlier.rglob("*")) == before
    folder.start({**EXPERIMENT, "seed": 2})
    assert sorted(os.listdir(earlier)) == ["config.json", "notes.txt"]
    assert json.loads((earlier / "config.json").read_text())["seed"] == 2


def test_one_that_goes_on_keeps_everything_and_notes_its_experiment(earlier: Path) -> None:
    before = sorted(earlier.rglob("*"))
    longer = {**EXPERIMENT, "trainer": {"epochs": 9}}
    RunFolder.resume(earlier, longer).start(longer, replace=False)
    assert sorted(earlier.rglob("*")) == before
    assert json.loads((earlier / "config.json").read_text()) == longer


def test_where_nothing_is_there_is_nothing_to_go_on_with_but_a_place_to_start(place: Path) -> None:
    assert RunFolder.resume(place, EXPERIMENT).path == place
    (place / "notes.txt").touch()
    with pytest.raises(TrainingError, match="holds no run to continue"):
        RunFolder.resume(place, EXPERIMENT)


def test_another_experiment_is_no_run_to_go_on_with(earlier: Path) -> None:
    with pytest.raises(TrainingError, match=r"mine: was started with another experiment:\n  seed: nothing -> 3\n"):
        RunFolder.resume(earlier, {**EXPERIMENT, "seed": 3})


def test_what_cannot_be_removed_is_one_error(place: Path) -> None:
    folder = RunFolder.claim(place, force=False)
    (place / "model.tar.gz").mkdir()
    with pytest.raises(TrainingError, match="model.tar.gz: cannot be replaced: "):
        folder.start(EXPERIMENT)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(TrainingError, match="cannot be used as output folder: "):
            RunFolder.claim(place, force=True)
