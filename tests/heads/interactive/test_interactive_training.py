"""The experiment files of the bidirection-interactive Seq2Seq model and of its table, through the command line."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from experiment_files import EXPERIMENTS, learn_and_predict, require_valid_rows, trees
from sentences import sentence

from relx.config import load
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.gcn import GCNEncoder
from relx.errors import ConfigError
from relx.heads.interactive.head import Interactive

FIXTURES = EXPERIMENTS.parent / "fixtures"
HEADS = (
    "interactive",
    "copyre_one",
    "copyre_multi",
    "copyre_one_code",
    "copyre_multi_code",
    "copymtl_one",
    "copymtl_multi",
)
OF_ALL: list[dict[str, Any]] = [
    {"data": "corpus", "format": "triples", "variant": "star", "vectors": "glove.txt", "dim": 50, "hidden": 20},
    {"variant": "exact", "dropout": 0, "word_dropout": 0, "epochs": 3, "patience": 2, "lr": 0.1, "seed": 2},
]
OF_PARSES: list[dict[str, Any]] = [
    *({"parser": parser} for parser in ("linear_chain", "given")),
    {"stanza": "models/stanza"},
]
OF_INTERACTIVE = [
    *({"head": head} for head in HEADS),
    {"interactive": "false", "tagger": "true", "teacher_forcing": "false"},
    {"head": "copyre_one", "gcn": "true"},
]
VARIABLES = {
    "interactive_nyt": [*OF_ALL, *OF_PARSES, *OF_INTERACTIVE],
    "interactive_webnlg": [*OF_ALL, {}],
    "copymtl_webnlg": [
        *OF_ALL,
        *({**row, "gcn": "true"} for row in OF_PARSES),
        {"head": "copymtl_one", "teacher_forcing": "true", "weights": "separate"},
    ],
    "interactive_nyt11": [
        {"data": "corpus", "format": "triples", "head": "copyre_multi"},
        {"interactive": "false", "parser": "linear_chain", "teacher_forcing": "false", "weights": "cells"},
        {"head": "copymtl_multi", "gcn": "true"},
    ],
    "graphrel_webnlg": [*OF_ALL, *OF_PARSES, {"phases": 1}],
}


def experiment(name: str, **variables: Any) -> dict[str, Any]:
    return load(EXPERIMENTS / f"{name}.jsonnet", variables)


@cache
def heads_of_the_table() -> dict[str, dict[str, Any]]:
    found = trees("interactive_webnlg", [{"head": name} for name in HEADS])
    return {name: tree["model"]["head"] for name, tree in zip(HEADS, found, strict=True)}


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_of_the_experiments_is_valid(name: str) -> None:
    require_valid_rows(name, VARIABLES[name])


@pytest.mark.parametrize(
    ("variables", "unused"),
    [
        ({"head": "copyre_one", "interactive": "false"}, "the variable 'interactive' has"),
        ({"head": "copymtl_multi", "tagger": "true"}, "the variable 'tagger' has"),
        ({"gcn": "false", "residual": "true", "parser": "linear_chain"}, "the variables 'residual' and 'parser' have"),
        ({"parser": "given", "stanza": "models"}, "the variable 'stanza' has"),
    ],
)
def test_a_variable_that_the_others_leave_without_effect_is_an_error(variables: dict[str, str], unused: str) -> None:
    with pytest.raises(ConfigError, match=f": {unused} no effect"):
        experiment("interactive_nyt", **variables)


def test_graphrel_asks_for_an_even_size() -> None:
    with pytest.raises(ConfigError, match="hidden is 25; use an even number"):
        experiment("graphrel_webnlg", hidden="25")


def test_copymtl_is_a_row_of_the_interactive_experiment() -> None:
    heads = [{"head": "copymtl_one"}, {"head": "copymtl_multi"}]
    rows = trees("interactive_webnlg", [{**head, "variant": "exact"} for head in heads])
    assert trees("copymtl_webnlg", heads) == rows


def test_a_parser_is_asked_for_only_where_a_gcn_reads_its_trees() -> None:
    rows = [{}, {"gcn": "false"}, {"head": "copyre_multi"}, {"head": "copymtl_one"}]
    parsed, *others = trees("interactive_nyt", rows)
    assert parsed["dependency_parser"]["type"] == "stanza"
    assert [part["type"] for part in parsed["model"]["encoder"]["encoders"]] == ["lstm", "gcn"]
    for without in others:
        assert "dependency_parser" not in without
        assert without["model"]["encoder"]["type"] == "lstm"


def test_the_rows_of_the_table_differ_in_what_they_are_named_for() -> None:
    head = heads_of_the_table()
    assert [name for name in HEADS if head[name]["interactive_layer"]] == ["interactive"]
    assert {name for name in HEADS if head[name].get("copy_score", "selu") != "selu"} == {
        "copyre_one",
        "copyre_multi",
        "copyre_one_code",
        "copyre_multi_code",
    }
    assert {name: head[name]["weights"] for name in HEADS} == {
        "interactive": "shared",
        "copyre_one": "shared",
        "copyre_multi": "separate",
        "copyre_one_code": "shared",
        "copyre_multi_code": "separate",
        "copymtl_one": "shared",
        "copymtl_multi": "cells",
    }
    assert {name for name in HEADS if head[name].get("tagger")} == {"copymtl_one", "copymtl_multi"}


def test_copymtl_and_the_code_of_copyre_feed_their_own_predictions_by_default() -> None:
    own = {"copyre_one_code", "copyre_multi_code", "copymtl_one", "copymtl_multi"}
    heads = heads_of_the_table()
    assert {name for name in HEADS if heads[name].get("teacher_forcing") is False} == own
    assert experiment("copymtl_webnlg")["model"]["head"]["teacher_forcing"] is False
    assert experiment("copymtl_webnlg", teacher_forcing="true")["model"]["head"]["teacher_forcing"] is True


@pytest.mark.parametrize("name", ["interactive_webnlg", "interactive_nyt", "interactive_nyt11"])
def test_an_ablation_removes_one_part_and_adds_none(name: str) -> None:
    whole, without_layer, without_gcn = trees(name, [{}, {"interactive": "false"}, {"gcn": "false"}])
    assert without_layer.pop("model") == {
        **whole["model"],
        "head": {**whole["model"]["head"], "interactive_layer": False},
    }
    sequence, graph = whole["model"]["encoder"]["encoders"]
    assert graph["type"] == "gcn"
    assert without_gcn.pop("model") == {**whole["model"], "encoder": sequence}
    del whole["model"]
    assert without_layer == whole
    del whole["dependency_parser"]
    assert without_gcn == whole


def test_the_page_on_ablations_says_how_many_parameters_an_ablation_changes() -> None:
    relations = Vocabulary([sentence(2, ((0, 1), f"r{number}", (1, 2))) for number in range(171)])

    def parameters(overrides: dict[str, Any], **variables: str) -> int:
        arguments = {**experiment("interactive_webnlg", **variables)["model"]["head"], **overrides}
        del arguments["type"]
        return sum(parameter.numel() for parameter in Interactive(100, relations, **arguments).parameters())

    whole = parameters({})
    page = (EXPERIMENTS.parent / "docs" / "systems" / "ablations.md").read_text(encoding="utf-8")
    assert f"{parameters({}, interactive='false') - whole:,} of {whole:,} in the head" in page
    assert f"| {parameters({'decode_attention': False}) - whole:,} |" in page
    assert f"| +{parameters({}, weights='separate') - whole:,} |" in page
    gcn = experiment("interactive_webnlg")["model"]["encoder"]["encoders"][1]
    del gcn["type"]
    assert f"| -{sum(parameter.numel() for parameter in GCNEncoder(100, **gcn).parameters()):,} in the encoder" in page


def test_another_parser_changes_the_trees_only() -> None:
    parsed, chained = (experiment("interactive_webnlg", parser=parser) for parser in ("stanza", "linear_chain"))
    assert chained.pop("dependency_parser") == {"type": "linear_chain"}
    del parsed["dependency_parser"]
    assert parsed == chained


def test_nyt11_is_scored_by_whole_mentions_where_a_head_finds_them() -> None:
    whole, words = (experiment("interactive_nyt11", head=head) for head in ("interactive", "copyre_multi"))
    assert whole["model"]["head"]["tagger"]
    assert whole["protocols"][0] == "exact_span"
    assert words["protocols"][0] == "last_word"


def test_a_gcn_layer_keeps_what_it_was_given_unless_told_otherwise() -> None:
    layers = [
        experiment("interactive_webnlg", **told)["model"]["encoder"]["encoders"][1]
        for told in ({}, {"residual": "false"})
    ]
    assert [layer["residual"] for layer in layers] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("interactive_webnlg", {"stanza": FIXTURES / "tiny_stanza"}),
        ("graphrel_webnlg", {"parser": "linear_chain"}),
    ],
)
def test_a_tiny_corpus_is_learned_and_predicted_from_text(
    name: str,
    variables: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where parses are kept
    smaller = {"dim": 16, "hidden": 16, "epochs": 22, "patience": 22, "lr": 0.02, "dropout": 0}
    learn_and_predict(name, {**smaller, **variables}, tmp_path, capsys)
