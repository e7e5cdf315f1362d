"""RIN's experiment files on tiny corpora, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from experiment_files import EXPERIMENTS, arguments, learn_and_predict, require_valid_rows, trees
from safetensors.torch import load_file

from relx import archive
from relx.commands import main
from relx.config import load
from relx.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
VARIANTS: list[dict[str, Any]] = [
    *({"head": head} for head in ("rin", "rin_v2", "bilstm", "bilstm_s")),
    *({"rounds": rounds} for rounds in range(6)),
    *({"updater": updater} for updater in ("gru", "torch_gru", "rnn", "linear")),
    *({"without": signal} for signal in ("relations", "entities", "words")),
    *({"pair_scorer": scorer} for scorer in ("decomposed", "concat_mlp", "pfn_mlp", "biaffine")),
    *({"variant": variant} for variant in ("star", "exact")),
    *({"encoder": encoder, "pos": "given"} for encoder in ("words", "transformer")),
    {"encoder": "transformer", "transformer": "models/bert", "transformer_lr": 1e-5},
    {"pos": "stanza", "stanza": "models/stanza"},
    {"data": "corpus", "format": "triples", "vectors": "glove.txt", "seed": 2},
]


def test_every_variable_of_the_experiment_is_valid() -> None:
    require_valid_rows("rin_webnlg", VARIANTS)


def test_that_of_the_other_corpus_differs_in_rounds_rate_and_batch_only() -> None:
    own = ("//", "  rounds=", "  lr=", "    data_loader: {")
    sources = (EXPERIMENTS / f"{name}.jsonnet" for name in ("rin_webnlg", "rin_nyt"))
    one, other = ([line for line in file.read_text().splitlines() if not line.startswith(own)] for file in sources)
    assert one == other and len(one) > 60


@pytest.mark.parametrize(
    ("variables", "unused"),
    [
        ({"head": "rin_v2", "without": "relations", "updater": "rnn"}, "the variables 'without' and 'updater' have"),
        ({"head": "bilstm", "rounds": 3}, "the variable 'rounds' has"),
        ({"head": "bilstm_s", "without": "words"}, "the variable 'without' has"),
        ({"updater": "linear", "without": "words"}, "the variable 'without' has"),
        ({"rounds": 0, "updater": "rnn"}, "the variable 'updater' has"),
        ({"encoder": "transformer", "vectors": "v", "dim": 9}, "the variables 'vectors' and 'dim' have"),
        ({"transformer": "x", "frozen": "true"}, "the variables 'transformer' and 'frozen' have"),
        ({"encoder": "transformer", "frozen": "true", "transformer_lr": 0}, "the variable 'transformer_lr' has"),
        ({"stanza": "models"}, "the variable 'stanza' has"),
        ({"pos": "given", "stanza": "models"}, "the variable 'stanza' has"),
    ],
)
def test_a_variable_that_the_others_leave_without_effect_is_an_error(variables: dict[str, Any], unused: str) -> None:
    experiment = EXPERIMENTS / "rin_webnlg.jsonnet"
    with pytest.raises(ConfigError) as error:
        load(experiment, {name: str(value) for name, value in variables.items()})
    assert str(error.value).startswith(f"{experiment}: {unused} no effect")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rin_webnlg", [
            ({}, (3, 1e-3)),
            ({"head": "rin_v2"}, (2, 5e-4)),
            ({"head": "rin_v2", "variant": "exact"}, (3, 5e-4)),
            ({"head": "rin_v2", "rounds": 1, "lr": 0.1}, (1, 0.1)),
            ({"head": "bilstm"}, (0, 1e-3)),
            ({"encoder": "transformer", "lr": 0.1}, (3, 0.1)),
        ]),
        ("rin_nyt", [
            ({"variant": "exact"}, (5, 1e-3)),
            ({"head": "rin_v2"}, (4, 1e-3)),
            ({"head": "rin_v2", "variant": "exact"}, (7, 1e-3)),
            ({"encoder": "transformer"}, (5, 2e-4)),
        ]),
    ],
)  # fmt: skip
def test_rounds_and_rate_are_those_published_for_the_version(name: str, rows: list[tuple[Any, Any]]) -> None:
    found = trees(name, [variables for variables, _ in rows])
    read = [(tree["model"]["head"]["rounds"], tree["trainer"]["optimizer"]["lr"]) for tree in found]
    assert read == [published for _, published in rows]


@pytest.mark.parametrize(("name", "batch"), [("rin_nyt", 70), ("rin_webnlg", 50)])
def test_with_a_transformer_rate_and_batch_are_those_of_the_papers_rows_with_bert(name: str, batch: int) -> None:
    over = {"encoder": "transformer"}
    tree, slower, without = trees(name, [over, {**over, "transformer_lr": 2e-5}, {}])
    assert tree["data_loader"]["batch_size"] == batch
    assert tree["trainer"]["parameter_groups"] == {"\\.transformer\\.": {"lr": 2e-4}}
    assert slower["trainer"]["parameter_groups"] == {"\\.transformer\\.": {"lr": 2e-5}}
    assert without["data_loader"]["batch_size"] == 50


def test_a_frozen_transformer_is_not_trained() -> None:
    given = {"encoder": "transformer", "frozen": "true"}
    tree = load(EXPERIMENTS / "rin_webnlg.jsonnet", given)
    assert tree["model"]["embedder"]["trainable"] is False
    assert "parameter_groups" not in tree["trainer"]


def test_ablations_of_table_5_leave_out_what_they_name() -> None:
    whole = load(EXPERIMENTS / "rin_webnlg.jsonnet")["model"]["head"]
    assert whole["interaction"] is None
    without = load(EXPERIMENTS / "rin_webnlg.jsonnet", {"without": "entities"})["model"]["head"]
    assert without == {**whole, "interaction": ["relations", "words"]}


def test_each_version_has_the_scorer_of_its_paper_by_default() -> None:
    of_papers = {"rin": "decomposed", "bilstm": "decomposed", "rin_v2": "concat_mlp"}
    rows = [{"head": head} for head in of_papers]
    found = trees("rin_nyt", [*rows, *({**row, "pair_scorer": "pfn_mlp"} for row in rows)])
    scorers = [tree["model"]["head"]["pair_scorer"]["type"] for tree in found]
    assert scorers == [*of_papers.values(), *["pfn_mlp"] * len(rows)]


def test_star_and_exact_data_are_selected_and_scored_by_their_own_protocol() -> None:
    experiment = EXPERIMENTS / "rin_webnlg.jsonnet"
    first = [load(experiment, {"variant": variant})["protocols"][0] for variant in ("star", "exact")]
    assert first == ["last_word", "exact_span"]


@pytest.mark.parametrize(
    "variables",
    [{"transformer_lr": 0}, {"transformer_lr": 0, "pos": "given"}, {"frozen": "true"}],
    ids=["alone", "with tags", "frozen"],
)
def test_a_transformer_takes_the_place_of_word_vectors_and_lstm(variables: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    tokens, tags = ["Ada", "was", "born", "in", "London"], ["NNP", "VBD", "VBN", "IN", "NNP"]
    entities = [{"start": 0, "end": 1}, {"start": 4, "end": 5}]
    line = {"tokens": tokens, "pos_tags": tags, "entities": entities}
    for split in ("train", "dev", "test"):
        gold = {**line, "relations": [{"head": 0, "type": "born_in", "tail": 1}]}
        (tmp_path / "corpus" / f"{split}.jsonl").write_text(json.dumps(gold))
    transformer = ROOT / "fixtures" / "tiny_transformer"
    given = {"data": tmp_path / "corpus", "format": "jsonl", "encoder": "transformer", "transformer": transformer}
    given |= {"epochs": 1, **variables}
    run = ["-s", str(tmp_path / "run"), *arguments(given)]
    assert main(["train", str(EXPERIMENTS / "rin_webnlg.jsonnet"), *run]) == 0
    weights = archive.load(tmp_path / "run" / "model.tar.gz").model.state_dict()
    (name,) = (name for name in weights if name.endswith("embeddings.word_embeddings.weight"))
    before = load_file(transformer / "model.safetensors")
    assert torch.equal(weights[name], next(v for k, v in before.items() if k.endswith("word_embeddings.weight")))
    assert any(name.endswith("table.weight") for name in weights) == ("pos" in variables)


def test_tags_in_files_of_jointer_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens, triple = ["Ada", "lives", "in", "York"], [0, 1, "None-label", "lives_in", 3, 4, "None-label"]
    record = {"tokens": tokens, "spo_list": [["Ada", "lives_in", "York"]], "spo_details": [triple]}
    for split in ("train", "dev", "test"):
        content = json.dumps([{**record, "pos_tags": ["NNP", "VBZ", "IN", "NNP"]}])
        (tmp_path / f"jointer_{split}.json").write_text(content)
    given = {"data": tmp_path / "jointer_%s.json", "format": "triples", "variant": "exact", "pos": "given"}
    experiment = str(EXPERIMENTS / "rin_webnlg.jsonnet")
    assert main(["train", experiment, "--dry-run", *arguments(given)]) == 0
    (tmp_path / "jointer_dev.json").write_text(json.dumps([record]))
    capsys.readouterr()
    assert main(["train", experiment, "--dry-run", *arguments(given)]) == 2
    assert "a sentence has no pos_tags, and the pos_tagger is 'given'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{"head": "rin", "rounds": 2}, {"head": "rin_v2", "rounds": 1}], ids=str)
def test_a_tiny_corpus_is_learned_and_predicted_from_text(
    variables: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn_and_predict("rin_webnlg", {**variables, "epochs": 20, "dim": 16, "lr": 0.02}, tmp_path, capsys)
    model, text = str(tmp_path / "run" / "model.tar.gz"), str(tmp_path / "text.txt")
    assert main(["predict", model, text, "--text", "-o", "model.head.threshold=0.9999999"]) == 0
    assert json.loads(capsys.readouterr().out)["relations"] == []
    gold = str(tmp_path / "corpus" / "test_triples.json")
    assert main(["evaluate", model, gold, "--json", "-o", "model.head.threshold=0.9999999"]) == 0
    (report,) = json.loads(capsys.readouterr().out).values()
    assert report["last_word"]["triples"]["predicted"] == 0
