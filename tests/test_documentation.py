"""The examples of the documentation are run."""

import json
import re
from pathlib import Path

import pytest

from relx.commands import main
from relx.registry import components, kinds

ROOT = Path(__file__).resolve().parents[1]
FACTS = [
    ("Ada was born in London", "Ada", "born_in", "London"),
    ("Grace was born in York", "Grace", "born_in", "York"),
    ("Linus works for Intel", "Linus", "works_for", "Intel"),
    ("Edith works for Oxfam", "Edith", "works_for", "Oxfam"),
]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_components_of_the_guide_train_and_predict(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "mine.py").write_text("\n\n".join(blocks("writing_components.md", "python")))
    (experiment,) = blocks("writing_components.md", "jsonnet")
    (workplace / "experiment.jsonnet").write_text(experiment)
    (workplace / "train.tsv").write_text("".join("\t".join(fact) + "\n" for fact in FACTS))
    (workplace / "text.txt").write_text("".join(f"{fact[0]}\n" for fact in FACTS))
    common = ["--include", "mine.py"]

    assert main(["check", "experiment.jsonnet", "--var", "data=train.tsv", *common]) == 0
    assert main(["train", "experiment.jsonnet", "--var", "data=train.tsv", *common]) == 0
    capsys.readouterr()
    assert main(["predict", "runs/experiment/model.tar.gz", "text.txt", "--text", *common]) == 0
    predicted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in predicted] == [fact[0] for fact in FACTS]
    assert [relation["type"] for line in predicted for relation in line["relations"]] == [fact[2] for fact in FACTS]


def test_the_guide_has_an_example_for_each_kind(workplace: Path) -> None:
    own = {kind.name for kind in kinds() if kind.reference.module.startswith("relx.")}
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "writing_components.md").read_text(), re.MULTILINE)
    assert set(headings) == own


def test_a_kind_of_ones_own_is_checked(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "mine.py").write_text("\n\n".join(blocks("writing_components.md", "python")))
    (experiment,) = blocks("writing_components.md", "jsonnet")
    (workplace / "experiment.jsonnet").write_text(experiment)
    schedule = '{"type":"scheduled","optimizer":{"type":"adam"},"schedule":{"type":"linear","warmup":%s}}'
    command = ["check", "experiment.jsonnet", "--var", "data=x", "--include", "mine.py", "-o"]
    assert main([*command, "trainer.optimizer=" + schedule % 3]) == 0
    assert main([*command, "trainer.optimizer=" + schedule % '"x"']) == 2
    assert "trainer.optimizer.schedule.warmup: expected a whole number" in capsys.readouterr().err
    assert "linear" in components(next(kind for kind in kinds() if kind.name == "schedule"))


def test_the_experiments_of_the_guide_are_valid(workplace: Path) -> None:
    written = blocks("experiments.md", "jsonnet")
    names = [re.match(r"// (\w+\.jsonnet)\n", text) for text in written]
    assert len(written) == 3
    for name, text in zip(names, written, strict=True):
        assert name is not None
        (workplace / name[1]).write_text(text)
    assert [main(["check", str(name[1])]) for name in names if name is not None] == [0, 0, 0]
    assert main(["check", "smallest.jsonnet", "-o", "trainer.epochs=3", "-o", "model.head.entity_task=false"]) == 0
    assert main(["check", "varied.jsonnet", "--var", "data=/corpora/nyt10", "--var", "hidden=100"]) == 0


def test_the_experiments_about_embedders_are_valid(workplace: Path) -> None:
    for text in blocks("embedders.md", "jsonnet"):
        (workplace / "written.jsonnet").write_text(text)
        assert main(["check", "written.jsonnet"]) == 0


def test_the_problems_that_the_guide_shows(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "smallest.jsonnet").write_text(blocks("experiments.md", "jsonnet")[0])
    overrides = ["model.head.type=htm", 'trainer.epochs="10"', "trainer.optimiser=1"]
    assert main(["check", "smallest.jsonnet", *(word for o in overrides for word in ("-o", o))]) == 2
    page = (ROOT / "docs" / "experiments.md").read_text()
    shown = re.search(r"^    (error: .*?)\n\n", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert capsys.readouterr().err.split() == shown[1].split()


def test_the_published_experiments_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = sorted(Path("experiments").glob("*.jsonnet"))
    assert files
    assert [main(["check", str(file)]) for file in files] == [0] * len(files)
