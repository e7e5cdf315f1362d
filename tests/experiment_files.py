"""The experiment files of the repository, run on a tiny corpus through the command line."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _jsonnet
import pytest

from relx.commands import main
from relx.commands.common import experiment_class
from relx.config import bundled, jsonnet, require_valid

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
PEOPLE = [("Ada", "London", "Acme"), ("Grace", "York", "Oxfam"), ("Linus", "Oslo", "Intel"), ("Edith", "Paris", "CNN")]


def arguments(variables: dict[str, Any]) -> list[str]:
    """Variables as the command line takes them."""
    return [part for name, value in variables.items() for part in ("--var", f"{name}={value}")]


def trees(name: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The experiment with the variables of each row, which it must read; as ``load``, but for all rows in one go."""
    calls = []
    for number, row in enumerate(rows):
        values = {name: json.dumps(jsonnet.parse_value(str(value))) for name, value in row.items()}
        calls.append(", ".join(f"{name}=std.trace('{number} {name}', {value})" for name, value in values.items()))
    text = f"local experiment = import '{name}.jsonnet'; [{', '.join(f'experiment({call})' for call in calls)}]"
    with jsonnet._standard_error() as lines:
        evaluated = _jsonnet.evaluate_snippet(str(EXPERIMENTS / "all"), text, jpathdir=str(bundled.FOLDER))
    read = set(re.findall(r"^TRACE: \S+ (\d+ \w+)$", "".join(lines), re.MULTILINE))
    assert read == {f"{number} {name}" for number, row in enumerate(rows) for name in row}
    return json.loads(evaluated)


def require_valid_rows(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Check the experiment with the variables of each row, as ``relx check`` does."""
    for row, tree in zip(rows, trees(name, rows), strict=True):
        require_valid(tree, experiment_class(), f"{name} {row}")


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
