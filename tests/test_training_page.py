"""What the page on training shows is run."""

import json
import re
from pathlib import Path

import pytest

from relx import config
from relx.commands import main
from relx.registry import Reference
from relx.training.checkpointing.run_folder import FILES, HARMLESS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SMALLER = ["-o", "model.embedder.dim=4", "-o", "model.head.hidden_size=4", "-o", "model.head.tag_dim=4"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    experiment, *_ = re.findall(r"^```jsonnet\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    Path("first.jsonnet").write_text(experiment)
    data = Path("fixtures", "nyt10")
    data.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        lines = (ROOT / "fixtures" / "nyt10" / f"{split}.json").read_text().splitlines(keepends=True)
        (data / f"{split}.json").write_text("".join(lines[:20]))


def test_the_first_experiment_trains_and_is_made_longer() -> None:
    assert main(["check", "first.jsonnet"]) == 0
    assert main(["train", "first.jsonnet", "--var", "epochs=1", *SMALLER]) == 0
    assert main(["train", "first.jsonnet", "--recover", "--var", "epochs=2", *SMALLER]) == 0
    lines = Path("runs/first/epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    table = PAGE.partition("| | |")[2].partition("\n\n")[0]
    assert {"checkpoints/", *re.findall(r"^\| `(.*?)`", table, re.MULTILINE)} <= {"checkpoints/", *FILES}


def test_what_may_change_is_listed_in_full() -> None:
    listed = PAGE.partition("What may change is")[2].partition(". A run")[0]
    assert set(re.findall(r"`(.*?)`", listed)) == set(HARMLESS)


def test_every_command_is_one_that_relx_knows() -> None:
    commands = re.findall(r"^    relx train first.jsonnet(.*)$", PAGE, re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        for override in re.findall(r"-o '(.*?)'", command):
            tree = config.override(config.load("first.jsonnet", {}), [override])
            config.require_valid(tree, Reference("relx.training.experiment", "Experiment"), "first.jsonnet")
