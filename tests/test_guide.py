"""What the guide shows is run."""

import inspect
import json
import re
from pathlib import Path

import pytest

from relx.commands import main
from relx.heads.head import Head
from relx.registry import components

GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "guide.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for split in ("train", "dev", "test"):
        Path("mine", f"{split}.jsonl").write_text(blocks("json")[-1], encoding="utf-8")
    Path("mine.jsonnet").write_text(blocks("jsonnet")[0], encoding="utf-8")


@pytest.mark.slow
def test_your_own_data_and_python(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "mine.jsonnet"]) == main(["check", "mine.jsonnet"]) == 0
    faster = ["trainer.patience=null", "model.embedder.dropout=0", 'trainer.optimizer={"type": "adam", "lr": 0.02}']
    overrides = [word for override in faster for word in ("-o", override)]
    assert main(["train", "mine.jsonnet", "--var", "hidden=16", *overrides]) == 0
    assert main(["evaluate", "runs/mine/model.tar.gz", "mine/test.jsonl"]) == 0
    train, predict, evaluate = blocks("python")[-3:]  # the one before needs the head `descriptions`
    capsys.readouterr()
    exec(predict, {})
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("Ada Lovelace born_in London 0.")
    assert second == "1" and third.startswith("expected a text, a list of tokens, a record (dict) or an Example, got 5")
    exec(evaluate, {})
    assert capsys.readouterr().out == "1.0 1.0\n"
    exec(train, {})
    assert capsys.readouterr().out.startswith("runs/mine runs/mine/model.tar.gz ")
    assert len(Path("runs/mine/epochs.jsonl").read_text().splitlines()) == 3


def test_the_answer_that_is_shown_is_relxs_own_form() -> None:
    from relx.data.json_form import example_from_json, example_to_json

    shown = json.loads(blocks("json")[0])
    assert example_to_json(example_from_json(shown)) == shown


def test_a_run_can_be_repeated_from_its_own_record() -> None:
    assert main(["train", "mine.jsonnet", "--var", "epochs=1", "--var", "hidden=8"]) == 0
    assert main(["train", "runs/mine/config.json", "-s", "again"]) == 0
    assert Path("again/model.tar.gz").is_file()


def test_the_heads_with_a_threshold_are_those_that_have_one() -> None:
    named = re.search(
        r"model.head.threshold=0.3` trades precision for recall with the heads (.*?) \(", " ".join(GUIDE.split())
    )
    assert named is not None
    heads = components(Head.__kind__)
    having = {name for name, head in heads.items() if "threshold" in inspect.signature(head.load()).parameters}
    assert set(re.findall(r"`(\w+)`", named[1])) == having
