"""The example package of the documentation: installed as a user would, then found, checked, trained and used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny as sample

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENT = {
    "dataset_reader": {"type": "hrl"},
    "train_data_path": "train.json",
    "validation_data_path": "train.json",
    "model": {
        "embedder": {"type": "words", "dim": 8},
        "encoder": {"type": "gru", "hidden_size": 6},
        "head": {"type": "novel_tagging", "hidden_size": 6, "decoder_size": 6, "tag_dim": 6},
    },
    "trainer": {"epochs": 1, "optimizer": {"type": "adam"}},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was installed into, by pip and without network."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "docs" / "example_plugin", folder / "source")  # a build leaves files beside its source
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--target", folder / "installed"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, folder / "source"], check=True)
    return folder / "installed"


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    lines = (ROOT / "fixtures" / "nyt10" / "train.json").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "train.json").write_text("".join(lines[:8]), encoding="utf-8")
    (tmp_path / "gru.json").write_text(json.dumps(EXPERIMENT))
    (tmp_path / "text.txt").write_text("Oscar Wilde was born in Dublin .\nNothing .\n")
    return tmp_path


def relx(workplace: Path, *arguments: str, plugins: Path | None = None) -> subprocess.CompletedProcess[str]:
    return sample.run(*arguments, cwd=workplace, environment={"PYTHONPATH": str(plugins or "")})


def test_the_installed_component_is_found_and_checked(installed: Path, workplace: Path) -> None:
    assert (
        "Run a bidirectional GRU" in relx(workplace, "components", "seq2seq_encoder", "gru", plugins=installed).stdout
    )
    wrong = relx(workplace, "check", "gru.json", "-o", "model.encoder.hidden=3", plugins=installed)
    assert "model.encoder.hidden: unknown key; did you mean 'hidden_size'?" in wrong.stderr


def test_it_trains_and_its_archive_predicts_only_where_it_is_installed(installed: Path, workplace: Path) -> None:
    trained = relx(workplace, "train", "gru.json", "--output", "run", plugins=installed)
    assert trained.returncode == 0, trained.stderr
    predict = ("predict", "run/model.tar.gz", "text.txt", "--text")
    predicted = relx(workplace, *predict, plugins=installed)
    assert predicted.returncode == 0, predicted.stderr
    assert [json.loads(line)["tokens"][-1] for line in predicted.stdout.splitlines()] == [".", "."]
    missing = relx(workplace, *predict)
    assert missing.returncode == 2
    assert "run/model.tar.gz: needs the seq2seq_encoder 'gru' of the plugin relx-gru 0.1.0" in missing.stderr
    assert missing.stderr.count("\n") == 1


def test_it_can_be_included_without_being_installed(workplace: Path) -> None:
    file = str(ROOT / "docs" / "example_plugin" / "relx_gru.py")
    assert "'gru' is not a registered seq2seq_encoder" in relx(workplace, "check", "gru.json").stderr
    assert relx(workplace, "check", "gru.json", "--include", file).returncode == 0


@pytest.mark.slow
def test_it_passes_the_tests_that_come_with_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "example_plugin", tmp_path / "plugin")
    options = ["-q", "-p", "no:cacheprovider", "--rootdir=."]
    run = sample.run(*options, cwd=tmp_path / "plugin", program=pytest.main)
    assert run.returncode == 0 and "10 passed" in run.stdout, run.stdout
