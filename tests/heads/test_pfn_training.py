"""PFN's experiment file on a tiny corpus, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from experiment_files import EXPERIMENTS, arguments, require_valid_rows

from relx.commands import main
from relx.config import load

EXPERIMENT = EXPERIMENTS / "pfn_scierc.jsonnet"
VARIANTS: list[dict[str, Any]] = [
    *({"recurrent": recurrent, "bidirectional": "true"} for recurrent in ("partition_filter", "srn")),
    *({"cells": cells, "recurrent": "srn"} for cells in ("own", "view")),
    *({"tables": tables} for tables in ("first", "last", "both")),
    {"encoder": "transformer", "transformer": "models/scibert", "transformer_lr": 2e-5, "lr": 1e-4},
    {"encoder": "transformer", "frozen": "true"},
    {"data": "corpus", "format": "spert", "vectors": "glove.txt", "hidden": 50, "global_feature": "false"},
    {"dropout": 0.0, "batch": 8, "epochs": 5, "patience": 2, "seed": 7},
]


def test_every_variable_of_the_experiment_is_valid() -> None:
    require_valid_rows("pfn_scierc", VARIANTS)


def test_a_variable_without_effect_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"encoder": "transformer", "word_dropout": 0, "vectors": "glove.txt"}
    assert main(["check", str(EXPERIMENT), *arguments(given)]) == 2
    message = f"error: {EXPERIMENT}: the variables 'word_dropout' and 'vectors' have no effect"
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(("encoder", "hidden"), [("words", 100), ("transformer", 300)])
def test_units_are_those_of_the_encoder_below_unless_told_otherwise(encoder: str, hidden: int) -> None:
    for given, expected in (({}, hidden), ({"hidden": "20"}, 20)):
        model = load(EXPERIMENT, {"encoder": encoder, **given})["model"]
        recurrent = model["encoder"] if encoder == "transformer" else model["encoder"]["encoders"][1]
        assert recurrent["hidden_size"] == model["head"]["hidden_size"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("recurrent", ["partition_filter", "srn"])
def test_a_tiny_corpus_is_learned_with_its_types(recurrent: str, tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        tiny.write_corpus(tmp_path / f"{split}.jsonl")
    variables = {"data": tmp_path, "format": "jsonl", "recurrent": recurrent, "epochs": 15, "dim": 16, "hidden": 10}
    run = ["-s", str(tmp_path / "run"), *arguments({**variables, "lr": 0.02, "word_dropout": 0, "seed": 1})]
    assert main(["train", str(EXPERIMENT), *run, "-o", "calibrate=false"]) == 0
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["strict"]
    assert found["triples"]["f1"] == found["entities"]["f1"] == 1.0
