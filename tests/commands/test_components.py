from pathlib import Path

import pytest

from relx.commands import main

ROOT = Path(__file__).resolve().parents[2]


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["components", *arguments]) == 0
    return capsys.readouterr().out


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["components", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    names = [line.split()[0] for line in output(capsys).splitlines()]
    assert {"dataset_reader", "head", "seq2seq_encoder", "token_embedder", "tokenizer"} <= set(names)


def test_names_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: line for line in output(capsys, "head").splitlines()}
    assert f"{ROOT / 'relx' / 'heads' / 'hmt.py'}:" in lines["hmt"]


def test_one_component(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "head", "hmt").splitlines()
    assert lines[0] == "hmt (head)"
    assert ["entity_task", "true", "bool"] in [line.split() for line in lines]
    assert ["vocabulary", "at", "run", "time"] in [line.split() for line in lines]


def test_a_component_is_found_by_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "cascade")
    assert text == output(capsys, "head", "cascade")
    assert "A subject or an object that is not among the entities is\ndropped" in text
    assert "\n\nentity_spans, subject_spans, object_spans\n" in text
    assert ["threshold", "0.5", "float"] in [line.split() for line in text.splitlines()]


def test_each_argument_is_shown_with_its_meaning_and_the_page_has_a_column_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = output(capsys, "head", "interactive").splitlines()
    number = next(number for number, line in enumerate(lines) if line.split() == ["decoders", "5", "int"])
    meaning = "The largest number of triples in a sentence."
    assert lines[number + 1].startswith(f"      {meaning}")
    assert "Args:" not in lines
    assert f"| `decoders` | 5 | int | {meaning}" in output(capsys, "--markdown")


def test_a_name_of_several_kinds_shows_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "stanza")
    assert all(f"stanza ({kind})\n" in text for kind in ("tokenizer", "pos_tagger", "dependency_parser"))


def test_a_key_of_an_experiment_file_shows_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "trainer")
    assert text.startswith("trainer (in the experiment file)\n")
    assert ["epochs", "100", "int"] in [line.split() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("key", "kind"), [("trainer.optimizer", "optimizer"), ("trainer.callbacks", "callback"), ("model.head", "head")]
)
def test_a_key_whose_value_is_a_component_lists_its_kind(
    key: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output(capsys, key) == output(capsys, kind)


def test_a_key_without_components_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is named 'trainer.epochs'" in error(capsys, "trainer.epochs")
    assert "is named 'nothing.head'" in error(capsys, "nothing.head")


def test_the_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "experiment")
    assert ["train_data_path", "required", "str"] in [line.split() for line in text.splitlines()]
    assert "\n\ntrainer\n" in text


def test_plugins_are_listed_too(capsys: pytest.CaptureFixture[str], tmp_path: Path, registry: None) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from relx.annotators.tokenizers.tokenizer import Tokenizer\n\n"
        "@Tokenizer.register('mine')\nclass Mine(Tokenizer):\n    '''My own.'''\n"
        "    def __init__(self, lower: bool = False) -> None: ...\n"
    )
    assert "My own.  " in output(capsys, "tokenizer", "--include", str(plugin))
    lines = output(capsys, "tokenizer", "mine", "--include", str(plugin)).splitlines()
    assert lines[:3] == ["mine (tokenizer)", "My own.", f"{plugin}:3"]
    assert ["lower", "false", "bool"] in [line.split() for line in lines]


def test_unknown_kind_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = "error: no kind of component and no component is named"
    assert error(capsys, "hed") == f"{unknown} 'hed'; did you mean 'head'?\n"
    assert error(capsys, "cascad") == f"{unknown} 'cascad'; did you mean 'cascade'?\n"
    assert error(capsys, "trainr") == f"{unknown} 'trainr'; did you mean 'trainer'?\n"
    assert error(capsys, "zzz").startswith(f"{unknown} 'zzz'; known: ")
    assert error(capsys, "hed", "hmt") == "error: no kind of component is named 'hed'; did you mean 'head'?\n"
    assert error(capsys, "head", "htm") == "error: no head is registered as 'htm'; did you mean 'hmt'?\n"


def test_the_page_of_the_documentation_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "components.md").read_text(encoding="utf-8")
    assert output(capsys, "--markdown") == page, "run `make components`"


@pytest.mark.parametrize("arguments", [["additive"], ["pair_scorer", "additive"]])
def test_a_name_of_an_earlier_version_is_reported_with_todays(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["components", *arguments]) == 2
    assert capsys.readouterr().err == "error: the pair_scorer 'additive' is now called 'decomposed'\n"
