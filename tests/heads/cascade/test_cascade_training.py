"""The experiment files of Cascade-SRN and CasRel, through the command line."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
from experiment_files import EXPERIMENTS, arguments, learn_and_predict, require_valid_rows, trees
from tiny_transformer import TINY

from relx.commands import main
from relx.commands.common import experiment_class
from relx.config import build, load, override
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.readers.reader import DatasetReader
from relx.training.preparation import build_model

SMALL = {"dim": 16, "hidden": 16, "dropout": 0, "word_dropout": 0, "lr": 0.03, "batch": 3}
RECURRENT = ("srn", "bisrn", "bilstm")
CASCADE: list[dict[str, Any]] = [
    {},
    *({"recurrent": recurrent, "encoder": encoder} for recurrent in RECURRENT for encoder in ("words", "transformer")),
    {"fusion": "late"},
    {"fusion": "late", "subject_vectors": "true", "task_context": "none"},
    *({"fusion": "late", "task_context": context} for context in ("global_feature", "lstm")),
    {"markers": "subject"},
    {"subjects": "gold"},
    {"joint": "false"},
    {"encoder": "transformer", "frozen": "true"},
    *({"pair_scorer": scorer} for scorer in ("linear", "decomposed", "biaffine", "null")),
    {"data": "corpus", "format": "jsonl", "vectors": "glove.txt", "hidden": 50, "lr": 0.01, "seed": 2},
]
CASREL: list[dict[str, Any]] = [
    {},
    {"encoder": "transformer", "variant": "exact"},
    {"encoder": "transformer", "frozen": "true"},
    {"subjects": "all", "conditioning": "concatenated"},
    {"data": "corpus", "format": "triples", "vectors": "glove.txt", "hidden": 50, "lr": 0.01, "seed": 2},
]


FILES = {"cascade_srn_scierc": CASCADE, "cascade_srn_ace05": [{}], "cascade_srn_conll04": [{}], "casrel_webnlg": CASREL,
         "casrel_nyt": [{}]}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_valid(name: str) -> None:
    require_valid_rows(name, FILES[name])


@pytest.mark.parametrize(
    ("name", "variables", "unused"),
    [
        ("casrel_nyt", {"encoder": "transformer", "hidden": 9}, "hidden"),
        ("casrel_webnlg", {"encoder": "transformer", "dim": 9}, "dim"),
        ("casrel_webnlg", {"frozen": "true"}, "frozen"),
        ("cascade_srn_ace05", {"encoder": "transformer", "vectors": "v"}, "vectors"),
        ("cascade_srn_conll04", {"transformer_lr": 1}, "transformer_lr"),
        ("cascade_srn_scierc", {"subject_vectors": "true"}, "subject_vectors"),
        ("cascade_srn_scierc", {"task_context": "lstm"}, "task_context"),
        ("cascade_srn_scierc", {"joint": "false", "subjects": "gold"}, "subjects"),
        ("cascade_srn_scierc", {"joint": "false", "fusion": "late"}, "fusion"),
        ("hmt_nyt10", {"head": "novel_tagging", "entity_task": "false"}, "entity_task"),
    ],
)
def test_a_variable_that_the_others_leave_without_effect_is_an_error(
    name: str, variables: dict[str, Any], unused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = EXPERIMENTS / f"{name}.jsonnet"
    assert main(["check", str(file), *arguments(variables)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {file}: the variable '{unused}' has no effect")


def test_the_data_of_an_experiment_are_a_folder_or_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    file = EXPERIMENTS / "cascade_srn_scierc.jsonnet"
    assert main(["check", str(file), "--var", "data=5"]) == 2
    message = "data is 5; give a folder, or a pattern with %s in it"
    assert capsys.readouterr().err == f"error: {file}: {message}\n"


def test_symmetric_relations_are_scored_in_the_forms_of_the_published_corpora_only() -> None:
    path = EXPERIMENTS / "cascade_srn_scierc.jsonnet"
    protocols = {name: load(path, {"format": name})["protocols"] for name in ("dygie", "spert", "brat", "jsonl")}
    assert protocols["dygie"] == protocols["spert"] == ["strict", "boundaries", "symmetric_canonical"]
    assert protocols["brat"] == protocols["jsonl"] == ["strict", "boundaries"]


def test_vectors_have_the_size_of_their_file_unless_told_otherwise() -> None:
    path = EXPERIMENTS / "casrel_webnlg.jsonnet"
    sizes = [load(path, v)["model"]["embedder"]["dim"] for v in ({}, {"vectors": "v"}, {"vectors": "v", "dim": "60"})]
    assert sizes == [100, None, 60]


COPIES = [
    ("cascade_srn_scierc", "cascade_srn_ace05", []),
    ("cascade_srn_scierc", "cascade_srn_conll04", ["protocols", "dataset_reader"]),
    ("casrel_webnlg", "casrel_nyt", []),
    ("hmt_nyt10", "hmt_nyt11", []),
    ("interactive_webnlg", "interactive_nyt", []),
]


@pytest.mark.parametrize(("one", "other", "different"), COPIES)
def test_the_experiments_of_one_model_differ_in_their_corpora_only(one: str, other: str, different: list[str]) -> None:
    given = {"data": "corpus"}
    ours, theirs = (load(EXPERIMENTS / f"{name}.jsonnet", given) for name in (one, other))
    assert {key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)} <= {
        *different,
        *(f"{split}_data_path" for split in ("train", "validation", "test") if different),
    }
    signatures = [
        text[text.index("function(") : text.index("\n)")].split("\n", 3)[3] for text in map(source, (one, other))
    ]
    assert signatures[0] == signatures[1]


def source(name: str) -> str:
    return (EXPERIMENTS / f"{name}.jsonnet").read_text(encoding="utf-8")


def test_without_relations_the_entities_say_which_epoch_is_best() -> None:
    path = EXPERIMENTS / "cascade_srn_scierc.jsonnet"
    metrics = [load(path, {"joint": joint})["trainer"]["validation_metric"] for joint in ("true", "false")]
    assert metrics == ["+triple_f1", "+entity_f1"]


@pytest.mark.parametrize("recurrent", RECURRENT)
def test_over_words_a_bidirectional_lstm_stands_below(recurrent: str) -> None:
    path = EXPERIMENTS / "cascade_srn_scierc.jsonnet"
    below, _ = load(path, {"recurrent": recurrent})["model"]["encoder"]["encoders"]
    assert below == {"type": "lstm", "hidden_size": 100}


def corpus(folder: Path) -> str:
    """Six sentences, two of them without a relation."""
    folder.mkdir()
    (born, born_in), (works, works_in), (left, none) = tiny.PATTERNS.items()
    records = [
        tiny.record("Ann Lee", born, "New York", born_in),
        tiny.record("Dan", born, "Oslo", born_in),
        tiny.record("Bob", works, "Rome", works_in),
        tiny.record("Dan", works, "New York", works_in),
        tiny.record("Bob", left, "Rome", none),
        tiny.record("Ann Lee", left, "Oslo", none),
    ]
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder)


def scores(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())["test"]["strict"]


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["late", "early"])
def test_a_tiny_corpus_is_learned_and_predicted_from_text(
    fusion: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"data": corpus(tmp_path / "data"), "format": "jsonl", "fusion": fusion, "epochs": 40}
    experiment, run = str(EXPERIMENTS / "cascade_srn_conll04.jsonnet"), tmp_path / "run"
    assert main(["train", experiment, "-s", str(run), *arguments({**SMALL, **data}), "-o", "calibrate=false"]) == 0
    assert scores(run)["triples"]["f1"] == 1.0
    (tmp_path / "text.txt").write_text("Ann Lee was born in New York .\n\nBob left Rome .\n")
    capsys.readouterr()
    assert main(["predict", str(run / "model.tar.gz"), str(tmp_path / "text.txt"), "--text"]) == 0
    first, nothing, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [relation["type"] for relation in first["relations"]] == ["born_in"]
    assert {entity["type"] for entity in first["entities"]} == {"PER", "LOC"}
    assert nothing["entities"] == [] == last["relations"]


def test_markers_are_kept_with_a_transformer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"data": corpus(tmp_path / "data"), "format": "jsonl", "encoder": "transformer", "transformer": TINY}
    experiment, run = str(EXPERIMENTS / "cascade_srn_scierc.jsonnet"), tmp_path / "run"
    low = [f"-omodel.head.{task}_spans.threshold=0.1" for task in ("entity", "subject", "object")]
    small = {name: value for name, value in SMALL.items() if name not in ("dim", "word_dropout")}
    assert main(["train", experiment, "-s", str(run), *arguments({**small, **given, "epochs": 8}), *low]) == 0
    capsys.readouterr()
    data = str(tmp_path / "data/test.jsonl")
    assert main(["evaluate", str(run / "model.tar.gz"), data, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert scores(run)["entities"]["predicted"] > 0
    assert json.dumps(scores(run)["triples"]) in json.dumps(again)


def test_casrel_learns_and_predicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = {"variant": "exact", "epochs": 40, "dim": 16, "hidden": 16, "dropout": 0, "lr": 0.02}
    learn_and_predict("casrel_webnlg", small, tmp_path, capsys)


ROW = re.compile(r"^\| `(cascade_srn_scierc|pfn_scierc|casrel_webnlg)` `([^`]+)` \|.*\| ([^|]+) \|$", re.MULTILINE)


def weights_of(name: str, changes: Sequence[str]) -> list[int]:
    """The numbers of weights of an experiment over its sample data; a change is written as after the command."""
    words = [change.replace("-o ", "-o").split() for change in changes]
    given = trees(name, [dict(w.split("=") for w in row if not w.startswith("-o")) for row in words])
    overrides = [[word.removeprefix("-o") for word in row if word.startswith("-o")] for row in words]
    return [weights(override(*both)) for both in zip(given, overrides, strict=True)]


def weights(tree: dict[str, Any]) -> int:
    experiment = build(tree, experiment_class())
    vocabulary = Vocabulary(training_sentences(*experiment.files["train"]))
    return sum(weight.numel() for weight in build_model(experiment, vocabulary).parameters())


SENTENCES: dict[Path, list[Example]] = {}


def training_sentences(reader: DatasetReader, path: Path) -> list[Example]:
    """What the reader reads, the first time."""
    if path not in SENTENCES:
        SENTENCES[path] = list(reader.read(path))
    return SENTENCES[path]


@pytest.mark.slow
def test_the_page_on_ablations_says_how_many_weights_an_ablation_changes() -> None:
    rows = ROW.findall((EXPERIMENTS.parent / "docs" / "systems" / "ablations.md").read_text(encoding="utf-8"))
    assert len(rows) > 10
    for name in {name for name, _, _ in rows}:
        changes = {change: said for of, change, said in rows if of == name}
        whole, *changed = weights_of(name, ["", *changes])
        for (change, said), count in zip(changes.items(), changed, strict=True):
            of_all = f" of {whole:,}" if " of " in said else ""
            made = count - whole
            assert said == (f"{made:+,}{of_all}" if made else "0"), (name, change)
