import json
from pathlib import Path

import pytest

from relx.errors import TrainingError
from relx.tuning.search import claim

SEARCH = {"experiment": {"seed": 1, "trainer": {"epochs": 2}}, "space": {"lr": "from 1 to 2"}}


def test_a_new_folder_is_made_and_taken_up_again(tmp_path: Path) -> None:
    claim(tmp_path / "a" / "b", SEARCH)
    claim(tmp_path / "a" / "b", SEARCH)
    assert json.loads((tmp_path / "a" / "b" / "search.json").read_text()) == SEARCH


def test_another_search_is_refused_with_what_differs(tmp_path: Path) -> None:
    claim(tmp_path, SEARCH)
    other = {"experiment": {"seed": 1, "trainer": {"epochs": 3}}, "space": {"lr": "from 1 to 3"}}
    with pytest.raises(TrainingError) as error:
        claim(tmp_path, other)
    assert str(error.value).splitlines()[1:3] == [
        "  experiment.trainer.epochs: 2 -> 3",
        '  space.lr: "from 1 to 2" -> "from 1 to 3"',
    ]


@pytest.mark.parametrize("content", [None, "{"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    if content is not None:
        (tmp_path / "search.json").write_text(content)
    with pytest.raises(TrainingError, match="holds no search to continue|cannot be used as output folder"):
        claim(tmp_path, SEARCH)


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="file: cannot be used as output folder"):
        claim(tmp_path / "file", SEARCH)
