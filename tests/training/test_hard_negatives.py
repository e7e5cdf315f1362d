"""``hard_negatives: true``: what is added to the training data, and what it changes."""

import json
import logging
from pathlib import Path

import pytest
from tiny import train

import relx
from relx.commands import main

pytestmark = pytest.mark.slow

ON = "hard_negatives=true"


def challenge(folder: Path, tiny: Path) -> dict[str, int]:
    found = relx.evaluate(folder / "model.tar.gz", tiny.parent / "test.jsonl", challenge=True).to_json()["challenge"]
    return {name: found[name]["false"] for name in ("unrelated sentences", "negated")}


def test_a_model_learns_that_a_negated_sentence_states_nothing(
    tiny: Path, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        train(tiny, tmp_path / "run", ON, epochs=20)
    assert "36 hard negatives are added to the training data: 24 negated, 0 swapped, 12 unrelated" in caplog.text
    assert challenge(trained, tiny)["negated"] > 0
    assert challenge(tmp_path / "run", tiny) == {"unrelated sentences": 0, "negated": 0}
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["exact_span"]["triples"]["f1"] == 1.0


def test_the_copies_are_no_sentences_of_the_file(tiny: Path, tmp_path: Path) -> None:
    """They are in the vocabulary, but count neither as seen triples nor in the archive's description of the data."""
    train(tiny, tmp_path / "run", ON, epochs=1)
    predictor = relx.load(tmp_path / "run" / "model.tar.gz")
    assert {"not", "does"} <= set(predictor.model.vocabulary.namespace("words", lambda example: example.tokens))
    assert predictor.facts.to_json()["data"]["train"]["sentences"] == 36


def test_a_dry_run_takes_its_step_on_them(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(tiny), "--var", f"data={tiny.parent}", "--dry-run"]
    assert main([*arguments, "-o", ON]) == 0
    assert "18 steps an epoch" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "9 steps an epoch" in capsys.readouterr().out


def test_every_experiment_has_the_variable() -> None:
    files = sorted(Path("experiments").glob("*.jsonnet"))
    assert files
    assert [file.name for file in files if "hard_negatives: hard_negatives," not in file.read_text()] == []
