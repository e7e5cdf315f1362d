"""RIN's experiment files on tiny corpora, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from experiment_files import EXPERIMENTS, arguments, learn_and_predict
from safetensors.torch import load_file

from relx import archive
from relx.commands import main
from relx.config import load

ROOT = Path(__file__).resolve().parents[2]
VARIANTS: list[dict[str, Any]] = [
    *({"head": head} for head in ("rin", "rin_v2", "bilstm", "bilstm_s")),
    *({"rounds": rounds} for rounds in range(6)),
    *({"updater": updater} for updater in ("gru", "torch_gru", "rnn", "linear")),
    *({"without": signal} for signal in ("relations", "entities", "words")),
    *({"scorer": scorer} for scorer in ("additive", "relu_sum", "mlp", "biaffine")),
    *({"variant": variant} for variant in ("star", "exact")),
    *({"encoder": encoder, "pos": "given"} for encoder in ("words", "transformer")),
    {"encoder": "transformer", "transformer": "models/bert", "transformer_lr": 1e-5},
    {"pos": "stanza", "stanza": "models/stanza"},
    {"data": "corpus", "form": "triples", "vectors": "glove.txt", "anchor": "first", "bias": 0, "seed": 2},
]


@pytest.mark.parametrize("name", ["rin_webnlg", "rin_nyt"])
@pytest.mark.parametrize("variables", VARIANTS, ids=str)
def test_every_variable_of_the_experiments_is_valid(name: str, variables: dict[str, Any]) -> None:
    assert main(["check", str(EXPERIMENTS / f"{name}.jsonnet"), *arguments(variables)]) == 0


def test_ablations_of_table_5_leave_out_what_they_name() -> None:
    whole = load(EXPERIMENTS / "rin_webnlg.jsonnet")["model"]["head"]
    assert whole["interaction"] is None
    without = load(EXPERIMENTS / "rin_webnlg.jsonnet", {"without": "entities"})["model"]["head"]
    assert without == {**whole, "interaction": ["relations", "words"]}


@pytest.mark.parametrize(("head", "scorer"), [("rin", "additive"), ("bilstm", "additive"), ("rin_v2", "relu_sum")])
def test_each_version_has_the_scorer_of_its_paper_unless_told_otherwise(head: str, scorer: str) -> None:
    experiment = EXPERIMENTS / "rin_nyt.jsonnet"
    assert load(experiment, {"head": head})["model"]["head"]["pair_scorer"]["type"] == scorer
    assert load(experiment, {"head": head, "scorer": "mlp"})["model"]["head"]["pair_scorer"]["type"] == "mlp"


def test_star_and_exact_data_are_selected_and_scored_by_their_own_protocol() -> None:
    experiment = EXPERIMENTS / "rin_webnlg.jsonnet"
    first = [load(experiment, {"variant": variant})["protocols"][0] for variant in ("star", "exact")]
    assert first == ["last_word", "exact_span"]


@pytest.mark.parametrize("variables", [{}, {"pos": "given"}], ids=["alone", "with tags"])
def test_a_transformer_takes_the_place_of_word_vectors_and_lstm(variables: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    tokens, tags = ["Ada", "was", "born", "in", "London"], ["NNP", "VBD", "VBN", "IN", "NNP"]
    entities = [{"start": 0, "end": 1}, {"start": 4, "end": 5}]
    line = {"tokens": tokens, "pos_tags": tags, "entities": entities}
    for split in ("train", "dev", "test"):
        gold = {**line, "relations": [{"head": 0, "type": "born_in", "tail": 1}]}
        (tmp_path / "corpus" / f"{split}.jsonl").write_text(json.dumps(gold))
    transformer = ROOT / "fixtures" / "tiny_transformer"
    given = {"data": tmp_path / "corpus", "form": "jsonl", "encoder": "transformer", "transformer": transformer}
    given |= {"epochs": 1, "transformer_lr": 0, **variables}
    run = ["-s", str(tmp_path / "run"), *arguments(given)]
    assert main(["train", str(EXPERIMENTS / "rin_webnlg.jsonnet"), *run]) == 0
    weights = archive.load(tmp_path / "run" / "model.tar.gz").model.state_dict()
    (name,) = (name for name in weights if name.endswith("embeddings.word_embeddings.weight"))
    before = load_file(transformer / "model.safetensors")
    assert torch.equal(weights[name], next(v for k, v in before.items() if k.endswith("word_embeddings.weight")))
    assert any(name.endswith("table.weight") for name in weights) == bool(variables)


@pytest.mark.parametrize("variables", [{"head": "rin", "rounds": 2}, {"head": "rin_v2", "rounds": 1}], ids=str)
def test_a_tiny_corpus_is_learnt_and_predicted_from_text(
    variables: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn_and_predict("rin_webnlg", {**variables, "epochs": 20, "dim": 16, "lr": 0.02}, tmp_path, capsys)
