"""The experiments of heads that classify spans, pairs of mentions, or a table of words, or that ask questions."""

import json
from pathlib import Path
from typing import Any

import pytest
from experiment_files import EXPERIMENTS, arguments, require_valid_rows
from tiny import write_corpus

from relx.commands import main

VARIABLES: dict[str, list[dict[str, Any]]] = {
    "descriptions_webnlg": [
        {},
        {"encoder": "transformer", "frozen": "true", "init": "model.tar.gz", "drawn": 32},
        {"relations": '{"born_in": "the place of birth"}', "labels": "several", "init": "model.tar.gz"},
    ],
    "pure_entities_scierc": [{}, {"encoder": "transformer", "max_width": 6, "frozen": "true", "context": 300}],
    "pure_relations_scierc": [{}, {"encoder": "transformer", "markers": "levitated", "context": 100}],
    "pure_scierc": [{}, {"encoder": "transformer", "markers": "levitated", "train_on": "both"}],
    "questions_conll04": [{}, {"entities": "null", "relations": '{"Kill": "whom did {head} kill?"}'}],
    "questions_scierc": [{}, {"encoder": "transformer", "theta": 0.5, "negatives": 20, "frozen": "true"}],
    "spe_scierc": [{}, {"encoder": "transformer", "batches_per_epoch": 59}],
    "table_sequence_conll04": [{}, {"encoder": "transformer", "frozen": "false", "warmup": 0.1}],
    "table_sequence_scierc": [{"size": 16, "layers": 1}, {"encoder": "transformer", "attention": "true"}],
    "spert_conll04": [
        {},
        {"encoder": "transformer", "labels": "one", "train_on": "both", "negatives": "null"},
        {"encoder": "transformer", "frozen": "true", "max_width": 5},
        {"data": "corpus", "format": "jsonl", "vectors": "glove.txt", "hidden": 50, "lr": 0.01, "seed": 2},
    ],
}


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_valid(name: str) -> None:
    require_valid_rows(name, VARIABLES[name])


def trained(name: str, folder: Path, **variables: Any) -> dict[str, Any]:
    """Train an experiment on a tiny corpus in ``folder``; return its scores."""
    for split in ("train", "dev", "test"):
        write_corpus(folder / f"{split}.jsonl")
    given = {"data": folder, "format": "jsonl", **variables}
    command = ["train", str(EXPERIMENTS / f"{name}.jsonnet"), "-s", str(folder / name), "-o", "calibrate=false"]
    assert main([*command, *arguments(given)]) == 0
    return json.loads((folder / name / "metrics.json").read_text())["test"]["strict"]


def predicted(archive: Path, line: str, folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Have an archive answer a line on the command line."""
    (folder / "input").write_text(line + "\n")
    capsys.readouterr()
    assert main(["predict", str(archive), str(folder / "input"), *more]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_two_archives_of_pure_are_joined_by_given_entities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entities = trained("pure_entities_scierc", tmp_path, dim=20, hidden=20, lr=0.01, batch=4, epochs=8)
    relations = trained("pure_relations_scierc", tmp_path, dim=20, hidden=20, lr=0.01, epochs=6)
    assert entities["entities"]["f1"] == relations["triples"]["f1"] == 1.0
    finds, relates = (tmp_path / f"pure_{name}_scierc/model.tar.gz" for name in ("entities", "relations"))
    found = predicted(finds, "Bob works in Oslo now .", tmp_path, capsys, "--text")
    assert ([entity["type"] for entity in found["entities"]], found["relations"]) == (["PER", "LOC"], [])
    joined = predicted(relates, json.dumps(found), tmp_path, capsys, "--given-entities")
    assert [(r["head"], r["type"], r["tail"]) for r in joined["relations"]] == [(0, "works_in", 1)]
    assert main(["predict", str(relates), str(tmp_path / "input")]) == 2
    assert "the head 'pure_relations' finds no entities" in capsys.readouterr().err
