import json
import os
from pathlib import Path

import pytest

from relx.errors import TrainingError
from relx.training.run_folder import OURS, RunFolder

CONFIG = json.dumps({"dataset_reader": {}, "model": {}, "trainer": {}})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


@pytest.fixture
def earlier(place: Path) -> Path:
    """A folder with an earlier run, and with something of the user's."""
    place.mkdir(parents=True)
    for name in OURS:
        (place / name).write_text(CONFIG)
    (place / "notes.txt").write_text("mine")
    (place / ".best.safetensors.abc").touch()  # a process was killed while it wrote
    return place


def test_a_new_folder_is_made_with_those_above_it(place: Path) -> None:
    assert RunFolder.claim(place, force=False).path == place
    assert os.listdir(place) == []


def test_an_empty_folder_is_taken(place: Path) -> None:
    place.mkdir(parents=True)
    RunFolder.claim(place, force=False)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_refused(place: Path, force: bool) -> None:
    place.mkdir(parents=True)
    (place / "notes.txt").touch()
    with pytest.raises(TrainingError, match="is not empty" if not force else "this folder holds none"):
        RunFolder.claim(place, force)


@pytest.mark.parametrize("content", ['{"model_type": "bert"}', "[]", "no JSON"])
def test_a_config_of_another_program_makes_no_run(place: Path, content: str) -> None:
    place.mkdir(parents=True)
    (place / "config.json").write_text(content)
    with pytest.raises(TrainingError, match="--force replaces earlier runs only"):
        RunFolder.claim(place, force=True)
    assert (place / "config.json").read_text() == content


def test_an_earlier_run_is_refused_without_force(earlier: Path) -> None:
    with pytest.raises(TrainingError, match=r"choose another folder \(-s\) or give --force"):
        RunFolder.claim(earlier, force=False)
    assert len(os.listdir(earlier)) == len(OURS) + 2


def test_with_force_it_stays_until_the_new_one_starts(earlier: Path) -> None:
    folder = RunFolder.claim(earlier, force=True)
    assert len(os.listdir(earlier)) == len(OURS) + 2
    folder.clear()
    assert os.listdir(earlier) == ["notes.txt"]


def test_what_cannot_be_removed_is_one_error(place: Path) -> None:
    folder = RunFolder.claim(place, force=False)
    (place / "model.tar.gz").mkdir()
    with pytest.raises(TrainingError, match="model.tar.gz: cannot be replaced: "):
        folder.clear()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(TrainingError, match="cannot be used as output folder: "):
            RunFolder.claim(place, force=True)


def test_the_best_weights_come_back(place: Path, archive: str) -> None:
    from relx.archive import load

    folder, model = RunFolder.claim(place, force=False), load(archive).model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folder.save_best(model)
    for parameter in model.parameters():
        parameter.data.zero_()
    folder.load_best(model)
    assert all((before[name] == tensor).all() for name, tensor in model.state_dict().items())
    assert os.listdir(place) == ["best.safetensors"]


def test_a_folder_that_is_gone_is_one_error(place: Path, archive: str) -> None:
    from relx.archive import load

    folder = RunFolder.claim(place, force=False)
    place.rmdir()
    model = load(archive).model
    with pytest.raises(TrainingError, match="best.safetensors: cannot be written"):
        folder.save_best(model)
    with pytest.raises(TrainingError, match="best.safetensors: the best weights cannot be read back: "):
        folder.load_best(model)


def test_weights_that_cannot_be_saved_are_one_error(place: Path, archive: str) -> None:
    from relx.archive import load

    folder, model = RunFolder.claim(place, force=False), load(archive).model
    shared = next(model.parameters())
    model.register_parameter("same", shared)
    with pytest.raises(TrainingError, match=r"best.safetensors: the weights cannot be saved: \s*Some tensors share"):
        folder.save_best(model)
