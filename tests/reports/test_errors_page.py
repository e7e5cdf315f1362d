"""What docs/errors.md shows is run."""

import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from relx.commands import main
from relx.reports.errors import COLUMNS
from relx.scoring.outcomes import KINDS

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its header."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in re.findall(r"^\|.*$", section, re.MULTILINE)[2:]]


def test_the_commands_of_the_page_and_its_example(
    archive: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/mine").mkdir(parents=True)
    shutil.copy(archive, "runs/mine/model.tar.gz")
    shutil.copytree(tiny.parent, "mine")
    commands = [line for line in re.findall(r"^    relx (.*)$", PAGE, re.MULTILINE) if "mine/" in line]
    assert [main(shlex.split(command)) for command in commands] == [0] * 3
    assert Path("page.html").is_file() and Path("errors.tsv").read_text().split("\t")[0] == "kind"
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(example, {})
    assert ElementTree.parse("example.svg").getroot().tag.endswith("svg")


def test_the_page_lists_every_kind_and_every_column() -> None:
    assert [row[0] for row in table("Kinds of errors")] == list(KINDS)
    listed = [name for row in table("The table of errors") for name in re.findall(r"`([^`]+)`", row[0])]
    assert listed == [name for name in COLUMNS if not name.startswith("predicted ") or name in listed]
    assert {"predicted relation", "predicted tail type"} <= {*listed}
