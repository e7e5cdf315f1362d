"""The commands of docs/workbench.md are run."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from relx.commands import _parser, main

PAGE = (Path(__file__).resolve().parents[1] / "docs/workbench.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (relx .+)$", PAGE, re.MULTILINE)
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
    assert len(COMMANDS) == 18
    for command in COMMANDS:
        words = shlex.split(command.partition(" > ")[0])[1:]
        if words[0] == "serve":  # it runs until a signal ends it
            assert Path(_parser().parse_args(words).review).is_file()
            continue
        assert main(words) == 0, (command, capsys.readouterr().err)
    assert "Q9,Rome,Rome,Q9,1.0," in Path("linked/nodes.csv").read_text()
    assert Path("reviewed.jsonl").read_text() == Path("train.jsonl").read_text()
