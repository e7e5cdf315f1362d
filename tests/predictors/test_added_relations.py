"""Relations that are only described to a model, from Python and from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from relx import archive, config
from relx.commands import main
from relx.data.example import Entity, Example
from relx.errors import ConfigError
from relx.predictors import Predictor
from relx.schema import RelationRules, Schema
from relx.testing import HeadTestCase
from relx.testing.model import MODEL

TEXT = "Ada Lovelace was born in London ."
# The question of a relation that the model knows, so that it gives the same answers to it under another name.
KNOWN = "find all entities in the context that have a born in relationship with {type} entity {head}"


def made(folder: Path, head: dict[str, Any]) -> Predictor:
    """The predictor of an archive of a model that has learned a few sentences."""
    case = HeadTestCase()
    case.head, case.encoder, case.steps = head, {"type": "lstm", "hidden_size": 10}, 120
    experiment = {"dataset_reader": {"type": "jsonl"}, "model": config.fill(case.description(), MODEL)}
    archive.save(folder / "model.tar.gz", experiment, case._trained(case.build(), case.steps), {})
    return Predictor.load(folder / "model.tar.gz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("questions")


@pytest.fixture(scope="module")
def questions(folder: Path) -> Predictor:
    return made(folder, {"type": "questions", "dropout": 0.0})


@pytest.fixture(scope="module")
def rin(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return made(tmp_path_factory.mktemp("rin"), {"type": "rin", "rounds": 1})


def triples(example: Example) -> dict[str, tuple[str, str, bool]]:
    said = example.token_text
    return {r.type: (said(r.head), said(r.tail), r.unseen) for r in example.relations}


def test_an_added_relation_is_predicted_and_marked_as_unseen(questions: Predictor) -> None:
    found = questions.predict(TEXT, add_relations={"birthplace": KNOWN})
    ends = ("Ada Lovelace", "London")
    assert triples(found) == {"born_in": (*ends, False), "birthplace": (*ends, True)}
    scores = {r.type: r.score for r in found.relations}
    assert scores["birthplace"] == pytest.approx(scores["born_in"])
    assert triples(questions(TEXT)) == {"born_in": (*ends, False)}, "the predictor itself stays as it is"


def test_it_is_predicted_between_given_entities_too(questions: Predictor) -> None:
    given = Example(TEXT.split(), [Entity(0, 2, "PER"), Entity(5, 6, "LOC")])
    found = questions.predict(given, given_entities=True, add_relations={"birthplace": KNOWN})
    assert triples(found)["birthplace"] == ("Ada Lovelace", "London", True)


def test_in_a_document_and_in_its_windows_it_stays_marked(questions: Predictor) -> None:
    for window in (1, 2):
        found = questions.predict_document(f"{TEXT} {TEXT}", window, add_relations={"birthplace": KNOWN})
        marked = {(relation.type, relation.unseen) for relation in found.relations()}
        assert {("born_in", False), ("birthplace", True)} == marked
        assert {(r.type, r.unseen) for r in found.whole().relations} == marked


def test_a_minimum_score_and_a_schema_may_name_it(questions: Predictor) -> None:
    added = {"birthplace": KNOWN}
    assert set(triples(questions.predict(TEXT, add_relations=added, min_score={"birthplace": 1.0}))) == {"born_in"}
    strict = Schema({"birthplace": RelationRules(types=[("LOC", "PER")])})
    assert set(triples(questions.predict(TEXT, add_relations=added, schema=strict))) == {"born_in"}
    with pytest.raises(ConfigError, match="birthplace"):
        questions.predict(TEXT, schema=strict)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"born_in": "x"}, "added relation: 'born_in' is a relation that the model has learned; give another name"),
        ({"x": ""}, "added relation: 'x' has a description without words"),
        ({"x": "{tail} ?"}, r"added relation: 'x' has the unknown placeholder \{tail\}.*known: \{head\}, \{type\}"),
        ({"x": 3}, "'x' has a description without words"),
        ({" ": "x"}, "added relation: a relation without a name"),
        (["x"], "add_relations: expected a dict of descriptions by name, got"),
    ],
)
def test_descriptions_that_do_not_fit_are_one_clear_error(questions: Predictor, added: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        questions.predict(TEXT, add_relations=added)


def test_a_head_that_reads_no_descriptions_says_which_do(rin: Predictor) -> None:
    with pytest.raises(ConfigError, match="the head 'rin' predicts only relations .*: .*questions"):
        rin.predict(TEXT, add_relations={"x": "y"})


class TestCommand:
    @pytest.fixture(autouse=True)
    def _inside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("in.txt").write_text(TEXT + "\n")

    def predict(self, questions: Predictor, folder: Path, *more: str) -> int:
        return main(["predict", str(folder / "model.tar.gz"), "in.txt", *more])

    @pytest.mark.parametrize("split", [(), ("--sentences",)])
    def test_the_triples_of_an_added_relation_are_marked(
        self, questions: Predictor, folder: Path, split: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.predict(questions, folder, *split, "--add-relation", f"birthplace: {KNOWN}") == 0
        answer = json.loads(capsys.readouterr().out)
        assert {r["type"]: r.get("unseen") for r in answer["relations"]} == {"born_in": None, "birthplace": True}

    @pytest.mark.parametrize("split", [(), ("--sentences",)])
    def test_triples_to_read_say_so(
        self, questions: Predictor, folder: Path, split: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.predict(questions, folder, *split, "--triples", "--add-relation", f"birthplace: {KNOWN}") == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "--" in line]
        assert {("birthplace" in line, "unseen" in line) for line in lines} == {(True, True), (False, False)}

    def test_what_is_no_relation_with_a_description_is_one_error(
        self, questions: Predictor, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wrong = ["--add-relation", "spouse", "--add-relation", "a: b", "--add-relation", "a: c"]
        assert self.predict(questions, folder, *wrong) == 2
        said = capsys.readouterr().err
        assert "--add-relation 'spouse': expected 'NAME: DESCRIPTION'" in said
        assert "--add-relation 'a' is given twice" in said

    def test_tables_take_none(self, questions: Predictor, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.predict(questions, folder, "--column", "text", "--add-relation", "a: b") == 2
        assert "--add-relation does not go with tables" in capsys.readouterr().err


def test_a_marked_relation_is_read_back(questions: Predictor, tmp_path: Path) -> None:
    from relx.data.document_json import document_from_json, document_to_json
    from relx.data.json_form import example_from_json, example_to_json

    found = questions.predict(TEXT, add_relations={"birthplace": KNOWN})
    assert triples(example_from_json(example_to_json(found))) == triples(found)
    document = questions.predict_document(TEXT, add_relations={"birthplace": KNOWN})
    again = document_from_json(document_to_json(document))
    assert [r.unseen for r in again.relations()] == [r.unseen for r in document.relations()]
