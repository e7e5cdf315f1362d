"""The examples in docs/examples: the commands of each page are run, with fewer epochs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import pytest

from relx.commands import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, registry: None) -> Path:
    """A copy of an example, the sample data beside it as in a clone; the working folder."""
    folder = tmp_path / "docs" / "examples" / request.param
    shutil.copytree(EXAMPLES / request.param, folder)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(folder)
    return folder


def run_commands(folder: Path, *smaller: str) -> None:
    """Run the commands of the page in order; ``smaller`` are further arguments of training."""
    commands = re.findall(r"^    relx (.+)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        command, _, output = command.partition(" > ")
        words = shlex.split(command)
        with open(output, "w") if output else nullcontext(sys.stdout) as stdout, redirect_stdout(stdout):
            assert main([*words, *(smaller if words[0] == "train" else ())]) == 0, command


@pytest.mark.parametrize("example", ["abstracts"], indirect=True)
def test_abstracts_go_from_brat_to_a_page_of_errors_and_back(example: Path) -> None:
    run_commands(example, "--var", "epochs=1", "--var", "hidden=8")
    assert "expressed_in" in Path("schema.json").read_text() and Path("page.html").stat().st_size > 0
    assert len(Path("found.jsonl").read_text().splitlines()) == 8
    assert len(list(Path("corrected").rglob("*.ann"))) == 8


@pytest.mark.parametrize("example", ["news"], indirect=True)
def test_news_become_a_graph(example: Path) -> None:
    pytest.importorskip("rdflib")
    run_commands(example, "--var", "epochs=1", "--var", "hidden=8")
    assert len(Path("found.jsonl").read_text().splitlines()) == 3
    assert Path("graph/nodes.csv").is_file() and Path("graph.ttl").is_file()
    # What a model that was trained to the end finds; one epoch finds nothing.
    entities = [{"start": 0, "end": 3, "type": "Peop"}, {"start": 4, "end": 6, "type": "Org"}]
    relations = [{"head": 0, "type": "Work_For", "tail": 1}]
    tokens = ["C.", "J.", "Novak", "joined", "Borovia", "Air", "."]
    record = {"tokens": tokens, "entities": entities, "relations": relations}
    Path("found.jsonl").write_text(json.dumps(record) + "\n")
    assert main(["graph", "found.jsonl", "--to", "csv", "--output", "linked", "--link", "entities.csv"]) == 0
    lines = Path("linked/nodes.csv").read_text().splitlines()[1:]
    assert sorted(line.partition(",")[0] for line in lines) == ["B1", "N1"]


@pytest.mark.parametrize("example", ["plugin_head"], indirect=True)
def test_a_head_of_ones_own_learns_its_sentences(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_commands(example)
    shown = capsys.readouterr().out
    assert '"born_in"' in shown and '"teaches_in"' in shown


@pytest.mark.parametrize("example", ["plugin_head"], indirect=True)
def test_the_head_passes_the_tests_that_come_with_it(example: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.returncode == 0 and " passed" in run.stdout, run.stdout
