"""The experiments that come with relx are found by name, from every folder."""

import re
from pathlib import Path
from typing import Any

import pytest

from relx.commands import main
from relx.config import bundled, load
from relx.errors import ConfigError

NAMES = [experiment.name for experiment in bundled.experiments()]


def test_the_names_are_those_of_the_files() -> None:
    root = Path(__file__).parents[2]
    assert sorted(path.stem for path in (root / "experiments").glob("*.jsonnet")) == NAMES


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_is_found_from_any_folder(elsewhere: Path) -> None:
    tree = load("hmt_nyt10", {"hidden": "7"})
    assert tree["model"]["embedder"]["dim"] == 7
    assert Path(tree["train_data_path"]).is_file()


def test_a_file_of_that_name_comes_first(elsewhere: Path) -> None:
    (elsewhere / "hmt_nyt10").write_text("{ a: 1 }")
    assert load("hmt_nyt10") == {"a": 1}


def test_an_unknown_name_is_answered_with_the_nearest(elsewhere: Path) -> None:
    with pytest.raises(ConfigError, match="hmt_nyt01: no such experiment file; did you mean 'hmt_nyt1[01]'"):
        load("hmt_nyt01")


def test_copies_work_in_another_folder(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        assert main(["new", name]) == 0
        (elsewhere / f"{name}.jsonnet").write_text(capsys.readouterr().out)
    of_copies, of_relx = (trees(folder, elsewhere / "all.jsonnet") for folder in (elsewhere, bundled.FOLDER))
    assert of_copies == of_relx and len(of_copies) == len(NAMES)


def trees(folder: Path, together: Path) -> dict[str, Any]:
    """The experiments in a folder, from one file that imports them, which takes a fraction of the time."""
    imports = (f"{name}: (import '{folder / name}.jsonnet')()" for name in NAMES)
    together.write_text("{" + ",\n".join(imports) + "}")
    return load(together)


def test_the_copy_of_an_unknown_experiment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "pfn_sciercc"]) == 2
    assert capsys.readouterr().err == "error: no experiment 'pfn_sciercc' comes with relx; did you mean 'pfn_scierc'?\n"
    assert main(["new", "xyz"]) == 2
    assert "list them with: relx experiments" in capsys.readouterr().err


def test_the_list_names_paper_and_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^hmt_nyt10\n    HMT \(Wei et al. 2019\) on NYT10: Table 1 gives F1 66.0", listed, re.MULTILINE)
    assert all(f"\n{name}\n" in f"\n{listed}" for name in NAMES)


def test_an_own_file_imports_what_corpora_share(elsewhere: Path) -> None:
    (elsewhere / "a.jsonnet").write_text("function(data) (import 'relx/corpora.libsonnet').read(data, 'hrl')")
    assert load("a.jsonnet", {"data": "mine"})["train_data_path"] == "mine/train.json"


def test_an_own_file_that_imports_a_function_of_relx_lists_its_variables(elsewhere: Path) -> None:
    (elsewhere / "a.jsonnet").write_text("import 'hmt_nyt10.jsonnet'")
    with pytest.raises(ConfigError, match="no variable 'dat'; did you mean 'data'. Its variables: data, format,"):
        load("a.jsonnet", {"dat": "mine"})
