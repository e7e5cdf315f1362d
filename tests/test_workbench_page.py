"""The commands of docs/workbench.md are run."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from relx.commands import _parser, main
from relx.readers import make_reader
from relx.serving.page import Review

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/workbench.md").read_text(encoding="utf-8")
BEFORE, _, REST = PAGE.partition("\n## From 50 abstracts to a graph\n")
WALK, _, AFTER = REST.partition("\n## ")
COMMANDS = re.findall(r"^    (relx .+)$", BEFORE + AFTER, re.MULTILINE)
STEPS = re.findall(r"^    ((?:relx|mkdir|cp) .+)$", WALK, re.MULTILINE)
TEXTS = ["Ann Lee was born in Rome .", "Bob works in Oslo now .", "Dan left New York .", "Carla Diaz left Rome ."]


@pytest.fixture
def workplace(archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("model", "seed1", "seed2", "seed3"):
        shutil.copyfile(archive, f"{name}.tar.gz")
    for name in ("pool", "texts"):
        Path(f"{name}.txt").write_text("\n".join(TEXTS) + "\n")
    Path("pool.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    Path("abstracts").mkdir()
    Path("abstracts/a.txt").write_text(" ".join(TEXTS) + "\n")
    for name, options in {"found": [], "train": ["--sentences"], "more": ["--sentences"]}.items():
        assert main(["predict", archive, "pool.jsonl", "--output", f"{name}.jsonl", *options]) == 0
    assert main(["convert", "train.jsonl", "export.json", "--to", "labelstudio"]) == 0
    (listed,) = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    Path("entities.csv").write_text(listed + "Q9,Rome,,LOC\n")
    return tmp_path


def test_every_command_of_the_page_runs(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 14
    for command in COMMANDS:
        words = shlex.split(command.partition(" > ")[0])[1:]
        if words[0] == "serve":  # it runs until a signal ends it
            assert Path(_parser().parse_args(words).review).is_file()
            continue
        assert main(words) == 0, (command, capsys.readouterr().err)
    assert "Q9,Rome,Rome,Q9,1.0," in Path("linked/nodes.csv").read_text()
    assert Path("reviewed.jsonl").read_text() == Path("train.jsonl").read_text()


def test_the_walk_from_abstracts_to_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], registry: None
) -> None:
    (tmp_path / "walk").mkdir()
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path / "walk")
    (experiment,) = re.findall(r"^```jsonnet\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)
    Path("walk.jsonnet").write_text(experiment)
    for step in STEPS:
        program, *words = shlex.split(step)
        if program != "relx":
            subprocess.run(["bash", "-c", step], check=True)
        elif words[0] == "serve":
            save_all(_parser().parse_args(words).review)
        else:
            smaller = ["--var", "epochs=1", "--var", "hidden=8"] if words[0] == "train" else []
            assert main([*words, *smaller]) == 0, (step, capsys.readouterr().err)
    assert len(list(Path("raw").iterdir())) == 50
    assert len(list(Path("parts/train").glob("*.txt"))) == 42 and len(list(Path("parts/test").glob("*.txt"))) == 8
    assert len(Path("found.jsonl").read_text().splitlines()) == 50 and Path("graph/nodes.csv").is_file()


def save_all(path: str) -> None:
    """Review a file of suggestions: save each abstract with its true annotations."""
    whole = make_reader({"type": "brat", "window": 100})
    folders = [ROOT / "fixtures/abstracts" / split for split in ("train", "dev", "test")]
    gold = {(example.meta or {})["document"]: example for folder in folders for example in whole.read(folder)}
    review = Review(path)
    for number, suggested in enumerate(review.suggested):
        review.save(number, gold[(suggested.meta or {})["document"]])
    assert len(review.done) == 40
