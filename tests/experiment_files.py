"""The experiment files of the repository, run on a tiny corpus through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from relx.commands import main

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
PEOPLE = [("Ada", "London", "Acme"), ("Grace", "York", "Oxfam"), ("Linus", "Oslo", "Intel"), ("Edith", "Paris", "CNN")]


def arguments(variables: dict[str, Any]) -> list[str]:
    """Variables as the command line takes them."""
    return [part for name, value in variables.items() for part in ("--var", f"{name}={value}")]


def crossing_corpus(folder: Path) -> Path:
    """Two triples a sentence, which cross: who was born where, who works for whom."""
    folder.mkdir()
    lines = []
    for (one, town, _), (other, _, firm) in zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True):
        text = f"{one} was born in {town} and {other} works for {firm} ."
        triples = [[one, "born_in", town], [other, "works_for", firm]]
        lines.append({"text": text, "triple_list": triples})
    for split in ("train", "val", "test"):
        (folder / f"{split}_triples.json").write_text(json.dumps(lines))
    return folder


def learn_and_predict(name: str, variables: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Train an experiment until it knows the crossing corpus by heart, and have it predict a sentence of raw text."""
    given = {"data": crossing_corpus(folder / "corpus"), "format": "triples", "word_dropout": 0, **variables}
    run, experiment = folder / "run", str(EXPERIMENTS / f"{name}.jsonnet")
    overrides = ["-o", "data_loader.batch_size=1", "-o", "calibrate=false"]
    assert main(["train", experiment, "-s", str(run), *arguments(given), *overrides]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["exact_span"]["triples"]["f1"] == 1.0
    (folder / "text.txt").write_text("Ada was born in London and Grace works for Oxfam .\n")
    capsys.readouterr()
    assert main(["predict", str(run / "model.tar.gz"), str(folder / "text.txt"), "--text"]) == 0
    (predicted,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert {relation["type"] for relation in predicted["relations"]} == {"born_in", "works_for"}
