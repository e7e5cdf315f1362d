"""The examples of docs/integrations.md are run."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from relx.commands import main

PAGE = (Path(__file__).resolve().parents[2] / "docs/integrations.md").read_text(encoding="utf-8")


def run(section: str, archive: str, **names: Any) -> dict[str, Any]:
    """The names that the code of a section leaves."""
    (code,) = re.findall(rf"^## {section}$.*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(code.replace("/models/model.tar.gz", archive), names)
    return names


def test_the_pipeline_of_the_page(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("spacy")
    import relx.integrations.spacy_component  # noqa: F401  (an installed relx has an entry point)

    run("spaCy", archive)
    shown = [line.rpartition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["Ann Lee born_in Rome", "Bob works_in New York"]


def test_the_tables_of_the_page(archive: str) -> None:
    pytest.importorskip("pandas")
    names = run("pandas", archive)
    assert names["relations"]["document"].to_list() == ["a", "b"]
    for frame in ("relations", "entities"):
        (listed,) = re.findall(rf"^- `{frame}`: (.*?)[;.]$", PAGE, re.MULTILINE | re.DOTALL)
        assert re.findall(r"`(\w+)`", listed) == list(names[frame].columns)


def test_the_datasets_of_the_page(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("datasets")
    import relx

    model = relx.load(archive)
    names = run("datasets", archive, model=model)
    assert names["dataset"]["triples"][:] == [[], [["Ann Lee", "born_in", "Rome"]]]
    relations, _ = model.predict_frame(names["dataset"])
    assert relations["document"].to_list() == [1]
    assert names["Dataset"].from_pandas(relations)["head"][:] == ["Ann Lee"]


def test_the_commands_of_the_page(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"\brelx card [^>\n`]+(?= >)", PAGE)
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command.replace("runs/mine/model.tar.gz", archive))[1:]) == 0
        assert capsys.readouterr().out.startswith("---\nlibrary_name: relx\n")
