import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from relx.archive_file import CALIBRATION, read_members, write_members
from relx.commands import main
from relx.commands.card import markdown

EVIL = (
    "<script>x</script>",
    "a|b",
    "[a](http://b.c)",
    "# a",
    "- a",
    "1. a",
    "`a`",
    "www.b.c",
    "a@b.c",
    "\x1b[2J",
    "---",
)


def card(archive: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["card", archive, *options]) == 0
    return capsys.readouterr().out


def changed(archive: str, path: Path, **members: Any) -> str:
    """A copy of an archive with other members; a name stands for NAME.json."""
    files = read_members(archive)
    for name, content in members.items():
        files[f"{name}.json"] = json.dumps(content).encode()
    write_members(path, files)
    return str(path)


def test_the_card_has_what_a_reader_asks(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = card(archive, capsys)
    for line in (
        "# run",
        r"- Relations (2): born\_in, works\_in",
        r"| test | exact\_span | all triples | 100.0 | 100.0 | 100.0 |",
        r"- exact\_span: relation type and both mentions, by token positions",
        r"| works\_in | 12 | 100.0 | 100.0 | 100.0 |",
        "- The best score of triples that the head can reach on the training data is precision 100.0 %, recall "
        r"100.0 %, F1 100.0 % (exact\_span).",
        "| head | hmt |",
    ):
        assert f"\n{line}\n" in shown
    assert re.search(r"^\| train \| train.jsonl \| 36 \| 24 \| [0-9a-f]{64} \|$", shown, re.MULTILINE)
    assert "Its head is hmt: Tag entities" in shown
    assert "\n# mine\n" in card(archive, capsys, "--name", "mine")
    assert "/train.jsonl" not in shown  # the folders of whoever trained it are not published


def test_the_hub_reads_its_metadata(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = ModelCard(card(archive, capsys)).data
    assert data.library_name == "relx" and data.tags == [
        "relx",
        "relation-extraction",
        "named-entity-recognition",
        "hmt",
    ]
    assert [(r.dataset_name, r.dataset_split, r.metric_type, r.metric_value) for r in data.eval_results] == [
        ("test.jsonl", "test", metric, 100.0) for metric in ("precision", "recall", "f1")
    ]
    assert data.model_name == "run"


def test_limits_of_the_head_and_of_the_scores_are_listed(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = json.loads(read_members(archive)["metrics.json"])
    losses = {"at_most": True, "losses": {"a token already has another tag": 1036}, "wrong": {"a sum": 2}}
    metrics["oracle"]["train"] |= {"recall": 0.4, **losses}
    metrics["test"]["exact_span"]["per_relation"]["works_in"]["gold"] = 9
    metrics["interrupted"] = True
    config = json.loads(read_members(archive)["config.json"])
    config["dataset_reader"]["window"] = 3
    config["model"]["embedder"] = {"type": "transformer", "model": "/home/me/bert", "more": [{"model": "org/small"}]}
    shown = card(changed(archive, tmp_path / "a.tar.gz", metrics=metrics, config=config), capsys)
    assert "on the training data is at most precision 100.0 %, recall 40.0 %" in shown
    assert "- 1,036 triples cannot be expressed (training data): a token already has another tag.\n" in shown
    assert "- 2 wrong triples come with correct ones (training data): a sum.\n" in shown
    assert "- The scores of these relations rest on fewer than 10 gold triples: works\\_in.\n" in shown
    assert "- The training was interrupted; this is the best model until then.\n" in shown
    assert "- It was trained on windows of 3 sentences" in shown
    assert "| embedder | transformer, model bert, model org/small |" in shown


def test_calibrated_and_other_scores_are_told_apart(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_members(archive)
    shown = card(archive, capsys)
    assert "no curve improves the scores of " in shown  # the model is always right
    assert re.search(r"^Expected calibration error of relations .* [\d.]+ % before, [\d.]+ % after.$", shown, re.M)
    del files[CALIBRATION]
    write_members(tmp_path / "raw.tar.gz", files)
    assert "They were not calibrated" in card(str(tmp_path / "raw.tar.gz"), capsys)


@pytest.mark.parametrize("text", EVIL)
def test_text_of_an_archive_is_shown_as_it_is(text: str) -> None:
    read = MarkdownIt("commonmark").enable("table")
    shown = markdown(text)
    visible = text.replace("\x1b", "\\x1b")
    escaped = visible.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert read.render(shown) == f"<p>{escaped}</p>\n"
    assert f"<td>{escaped}</td>\n<td>b</td>\n</tr>" in read.render(f"|x|y|\n|---|---|\n| {shown} | b |\n")
    assert not re.search(r"(?<!\\):(?=//)|www\.|(?<!\\)@", shown)  # what the Hub makes links of


def test_an_archive_of_a_stranger_gives_a_whole_card(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\n---\nlicense: evil\n# evil <b>|x|\x1b"
    number = {"train": 3, "test": {"path": evil, "sentences": evil, "triples": [evil]}}
    meta = {"format": 2, "relx": evil, "date": evil, "plugins": [{"include": evil}, 7], "versions": {evil: evil}}
    metrics = {
        "oracle": {evil: {"precision": 1, "recall": 1, "f1": 1, "losses": {evil: evil}}, "x": 3},
        "test": {"p": [evil]},
    }
    config = {"model": {"head": {"type": evil}, evil: {"type": evil}}, "protocols": evil, "seed": evil}
    path = changed(archive, tmp_path / "a.tar.gz", meta={**meta, "data": number}, metrics=metrics, config=config)
    shown = card(path, capsys, "--name", evil)
    assert not re.search(r"\x1b|^license|^# evil|^---(?!\n)", shown, re.MULTILINE)
    assert "<b>" not in shown.partition("\n---\n")[2]
    assert shown.count("\n---\n") == 1 and "pip install relx\n" in shown
    assert ModelCard(shown).data.license is None
    headings = re.findall(r"^## (.*)$", shown, re.MULTILINE)
    assert headings == [
        "How to load it", "Intended use", "Data", "Scores", "Calibration", "Limits", "Training",
    ]  # fmt: skip


def test_a_file_that_is_no_archive_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(tmp_path / "none.tar.gz")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.endswith("none.tar.gz: no such archive\n")
