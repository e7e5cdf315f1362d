"""The experiment files of the bidirection-interactive Seq2Seq model and of its table, through the command line."""

from pathlib import Path
from typing import Any

import pytest
from experiment_files import EXPERIMENTS, arguments, learn_and_predict

from relx.commands import main
from relx.config import load
from relx.errors import ConfigError

FIXTURES = EXPERIMENTS.parent / "fixtures"
HEADS = ("interactive", "copyre_one", "copyre_multi", "copymtl_one", "copymtl_multi")
OF_ALL: list[dict[str, Any]] = [
    {"data": "corpus", "form": "triples", "variant": "star", "vectors": "glove.txt", "dim": 50, "hidden": 20},
    {"variant": "exact", "dropout": 0, "word_dropout": 0, "epochs": 3, "patience": 2, "lr": 0.1, "seed": 2},
]
OF_PARSES: list[dict[str, Any]] = [
    *({"parser": parser, "layers": 2} for parser in ("chain", "given")),
    {"stanza": "models/stanza"},
]
OF_INTERACTIVE = [
    *({"head": head} for head in HEADS),
    {"interactive": "false", "tagger": "true", "decoders": 7, "feed": "own"},
    {"head": "copyre_one", "gcn": "true"},
]
VARIABLES = {
    "interactive_nyt": [*OF_ALL, *OF_PARSES, *OF_INTERACTIVE],
    "interactive_webnlg": [*OF_ALL, {}],
    "copymtl_webnlg": [
        *OF_ALL,
        *({**row, "gcn": "true"} for row in OF_PARSES),
        {"head": "copymtl_one", "decoders": 7, "feed": "own", "weights": "separate"},
    ],
    "graphrel_webnlg": [*OF_ALL, *OF_PARSES, {"phases": 1, "relation_weight": 5}],
}


def experiment(name: str, **variables: Any) -> dict[str, Any]:
    return load(EXPERIMENTS / f"{name}.jsonnet", variables)


@pytest.mark.parametrize(
    ("name", "variables"), [(name, variables) for name, rows in VARIABLES.items() for variables in rows], ids=str
)
def test_every_variable_of_the_experiments_is_valid(name: str, variables: dict[str, Any]) -> None:
    assert main(["check", str(EXPERIMENTS / f"{name}.jsonnet"), *arguments(variables)]) == 0


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"head": "copyre_one", "interactive": "false"}, "head=copyre_one takes no interactive"),
        ({"head": "copymtl_multi", "tagger": "true"}, "head=copymtl_multi takes no tagger"),
        ({"gcn": "false", "layers": "2", "parser": "chain"}, "gcn=false takes no layers, parser"),
    ],
)
def test_a_variable_that_the_others_leave_without_effect_is_an_error(variables: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=f": {told}$"):
        experiment("interactive_nyt", **variables)


def test_graphrel_asks_for_an_even_size() -> None:
    with pytest.raises(ConfigError, match="hidden is 25; use an even number"):
        experiment("graphrel_webnlg", hidden="25")


def test_copymtl_is_a_row_of_the_interactive_experiment() -> None:
    for head in ("copymtl_one", "copymtl_multi"):
        row = experiment("interactive_webnlg", head=head, variant="exact")
        assert experiment("copymtl_webnlg", head=head) == row


def test_a_parser_is_asked_for_only_where_a_gcn_reads_its_trees() -> None:
    assert experiment("interactive_nyt")["dependency_parser"]["type"] == "stanza"
    assert [part["type"] for part in experiment("interactive_nyt")["model"]["encoder"]["encoders"]] == ["lstm", "gcn"]
    for variables in ({"gcn": "false"}, {"head": "copyre_multi"}, {"head": "copymtl_one"}):
        without = experiment("interactive_nyt", **variables)
        assert "dependency_parser" not in without
        assert without["model"]["encoder"]["type"] == "lstm"


def test_the_rows_of_the_table_differ_in_what_they_are_named_for() -> None:
    head = {name: experiment("interactive_webnlg", head=name)["model"]["head"] for name in HEADS}
    assert head["interactive"]["interactive_layer"]
    assert {name for name in HEADS if head[name].get("copy_score") == "linear"} == {"copyre_one", "copyre_multi"}
    assert {name for name in HEADS if head[name].get("weights") == "shared"} == {
        "interactive",
        "copyre_one",
        "copymtl_one",
    }
    assert {name for name in HEADS if head[name].get("tagger")} == {"copymtl_one", "copymtl_multi"}
    without = experiment("interactive_webnlg", interactive="false")["model"]["head"]
    assert without == {**head["interactive"], "interactive_layer": False}
    separate = experiment("interactive_webnlg", weights="separate")["model"]["head"]
    assert separate == {**head["interactive"], "weights": "separate"}


def test_a_gcn_layer_keeps_what_it_was_given_unless_told_otherwise() -> None:
    layers = [
        experiment("interactive_webnlg", **told)["model"]["encoder"]["encoders"][1]
        for told in ({}, {"residual": "false"})
    ]
    assert [layer["residual"] for layer in layers] == [True, False]


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("interactive_webnlg", {"decoders": 3, "stanza": FIXTURES / "tiny_stanza"}),
        ("graphrel_webnlg", {"parser": "chain"}),
    ],
)
def test_a_tiny_corpus_is_learnt_and_predicted_from_text(
    name: str,
    variables: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where parses are kept
    smaller = {"dim": 16, "hidden": 16, "epochs": 22, "patience": 22, "lr": 0.02, "dropout": 0}
    learn_and_predict(name, {**smaller, **variables}, tmp_path, capsys)
