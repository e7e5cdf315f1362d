"""Relations between given entities, and schemas, from Python and from the command line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relx import archive, config
from relx.annotators.gazetteer import Gazetteer
from relx.commands import main
from relx.data.example import Entity, Example
from relx.data.json_validation import BadRecord
from relx.errors import ConfigError, DataError
from relx.predictors import Predictor
from relx.predictors.predictor import CHUNK
from relx.schema import RelationRules, Schema
from relx.testing import HeadTestCase
from relx.testing.model import MODEL

TEXT = "Alan Turing was born in London ."
RECORD = {
    "id": 3,
    "text": TEXT,
    "entities": [{"id": "b", "characters": [24, 30], "type": "LOC"}, {"id": 1, "characters": [0, 11], "type": "PER"}],
}
ADA = "Ada Lovelace was born in London ."


def made(folder: Path, head: dict[str, Any]) -> str:
    """The archive of a model that has learned a few sentences."""
    case = HeadTestCase()
    case.head = head
    case.encoder = {"type": "lstm", "hidden_size": 6} if head["type"] == "cascade" else None
    experiment = {"dataset_reader": {"type": "jsonl"}, "model": config.fill(case.description(), MODEL)}
    archive.save(folder / "model.tar.gz", experiment, case._talking(), {})
    return str(folder / "model.tar.gz")


@pytest.fixture(scope="module")
def rin(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("rin"), {"type": "rin", "rounds": 1})


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("cascade"), {"type": "cascade"})


@pytest.fixture(scope="module")
def predictor(rin: str) -> Predictor:
    return Predictor.load(rin)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(json.dumps(RECORD) + "\n")
    Path("in.txt").write_text(f"{TEXT}\nalan turing left .\n")
    Path("names.csv").write_text("name,type\nAlan Turing,PER\nLondon,LOC\nLondon Bridge,LOC\n")


def triples(example: Example) -> list[tuple[str, str, str]]:
    return [(example.mention_text(r.head), r.type, example.mention_text(r.tail)) for r in example.relations]


def test_relations_are_between_the_entities_of_the_input_which_stay_as_they_are(predictor: Predictor) -> None:
    found = predictor.predict(RECORD, given_entities=True)
    assert found.entities == [Entity(5, 6, "LOC", id="b"), Entity(0, 2, "PER", id="1")]
    assert triples(found) == [("Alan Turing", "born_in", "London")]
    assert found.relations[0].head is found.entities[1] and found.id == "3"
    shorter = {**RECORD, "entities": [{"characters": [0, 4]}, {"characters": [24, 30]}]}
    assert all(head != "Alan Turing" for head, *_ in triples(predictor.predict(shorter, given_entities=True)))


def test_every_form_of_input_can_have_entities(predictor: Predictor) -> None:
    example = predictor.predict(RECORD, given_entities=True)
    several = predictor.predict([RECORD, example, "Nothing ."], given_entities=True)
    streamed = list(predictor.stream([RECORD, example, "Nothing ."], given_entities=True))
    assert several == streamed and several[0] == several[1] == example
    assert (several[2].entities, several[2].relations) == ([], [])
    faulty = Example(TEXT.split(), [Entity(7, 3)])
    assert triples(predictor.predict(faulty)) == triples(example)  # without given_entities they are not read
    with pytest.raises(BadRecord, match="0 <= start < end <= 7"):
        predictor.predict(faulty, given_entities=True)


def test_a_gazetteer_makes_the_entities(predictor: Predictor) -> None:
    names = predictor.gazetteer("names.csv")
    found = predictor.predict([TEXT, RECORD], given_entities=names)
    assert [example.entities for example in found] == [[Entity(0, 2, "PER"), Entity(5, 6, "LOC")]] * 2
    assert triples(found[0]) == [("Alan Turing", "born_in", "London")]
    folded = predictor.gazetteer("names.csv", ignore_case=True)
    assert predictor.predict("alan turing", given_entities=folded).entities == [Entity(0, 2, "PER")]


def test_a_minimum_score_acts_on_relations_and_leaves_given_entities(predictor: Predictor) -> None:
    scored = {**RECORD, "entities": [{**entity, "score": 0.1} for entity in RECORD["entities"]]}  # type: ignore[attr-defined]
    kept = predictor.predict(scored, given_entities=True, min_score={"entities": 0.9})
    assert len(kept.entities) == 2 and kept.relations and kept.entities[0].score == 0.1
    none = predictor.predict(scored, given_entities=True, min_score={"born_in": 1.0})
    assert len(none.entities) == 2 and not none.relations


def test_what_cannot_be_in_a_relation_is_counted(predictor: Predictor) -> None:
    decision = predictor.decision(given_entities=True)
    ada, again = Entity(0, 2, "PER"), Entity(0, 2, "ORG")
    sentences = [
        Example(ADA.split(), [ada, again, Entity(None, None, "LOC", "Rome"), Entity(5, 6, "LOC")]),
        Example(ADA.split(), [ada]),
        Example(ADA.split()),
    ]
    found = predictor.answer(sentences * CHUNK, decision)[:3]
    assert [answer.entities for answer in found if isinstance(answer, Example)] == [e.entities for e in sentences]
    assert decision.given is not None
    assert decision.given.summary() == (  # type: ignore[attr-defined]
        "5,120 entities given in 3,072 sentences\n"
        "  no relations: 1,024 entities without a place in the sentence\n"
        "  no relations: 1,024 entities with the tokens of another one\n"
        "  no relations: 2,048 sentences with fewer than two entities"
    )


def test_unknown_types_are_an_error_where_types_are_read(cascade: str, predictor: Predictor) -> None:
    wrong = replace(predictor.predict(RECORD, given_entities=True), relations=[])
    wrong.entities[0] = wrong.entities[0]._replace(type="LOCATION")
    assert triples(predictor.predict(wrong, given_entities=True)) == [("Alan Turing", "born_in", "London")]
    reads_types = Predictor.load(cascade)
    fault = "entities[0]: the type 'LOCATION' is unknown; the model reads the types of entities and knows"
    with pytest.raises(DataError, match="input 2: " + fault.replace("[", r"\[").replace("]", r"\]")):
        reads_types.predict([RECORD, wrong], given_entities=True)
    sound, error = reads_types.predict([RECORD, wrong], on_error="record", given_entities=True)
    assert isinstance(sound, Example) and str(error).startswith(fault)
    names = Gazetteer({"Ann": "PERS", "Bo": "PERS", "Oslo": "LOC"}, reads_types.tokenizer)
    with pytest.raises(ConfigError, match=r"^the name 'Bo': the type 'PERS' is unknown; did you mean 'PER'\?[^\n]*$"):
        reads_types.decision(given_entities=names)


def test_a_head_that_cannot_refuses_and_names_those_that_can(archive: str) -> None:
    with pytest.raises(ConfigError, match="'hmt' finds its entities itself .*: cascade, casrel, descriptions, "):
        Predictor.load(archive).predict(RECORD, given_entities=True)


@pytest.mark.parametrize("choice", [{"given_entities": "names.csv"}, {"given_entities": None}, {"schema": "a.json"}])
def test_a_choice_of_a_wrong_type_is_an_error(predictor: Predictor, choice: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{[*choice][0]}: expected .*, got {[*choice.values()][0]!r}$"):
        predictor.predict(RECORD, **choice)


def test_a_schema_drops_relations(predictor: Predictor) -> None:
    schema = Schema({"born_in": RelationRules(types=frozenset({("PER", "ORG")}))})
    assert not predictor.predict(RECORD, given_entities=True, schema=schema).relations
    assert predictor.predict(TEXT).relations and not predictor.predict(TEXT, schema=schema).relations
    assert not any(example.relations for example in predictor.stream([TEXT, TEXT], schema=schema))
    unknown = Schema({"born": RelationRules(types=frozenset({("PERS", "ORG")}))})
    with pytest.raises(ConfigError) as error:
        predictor.predict(TEXT, schema=unknown)
    assert str(error.value) == (
        "schema: relations.born: unknown relation; did you mean 'born_in'?\n"
        "schema: relations.born.types: unknown type of entities 'PERS'; did you mean 'PER'?"
    )


class TestCommand:
    def test_given_entities(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", rin, "in.jsonl", "--given-entities"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert [entity["id"] for entity in document["entities"]] == ["b", "1"]
        assert [(relation["head"], relation["tail"]) for relation in document["relations"]] == [("1", "b")]
        assert main(["predict", rin, "in.jsonl", "--given-entities", "--sentences"]) == 0
        out, err = capsys.readouterr()
        answer = json.loads(out)
        assert [entity["id"] for entity in answer["entities"]] == ["b", "1"]
        [relation] = answer["relations"]
        assert (relation["head"], relation["type"], relation["tail"]) == (1, "born_in", 0)
        assert err == "2 entities given in 1 sentence\n"

    def test_names_of_a_list(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", rin, "in.txt", "--text", "--entities", "names.csv"]) == 0
        out, err = capsys.readouterr()
        assert [len(json.loads(line)["entities"]) for line in out.splitlines()] == [2, 0]
        assert err.splitlines() == [
            "2 entities given in 2 sentences", "  no relations: 1 sentence with fewer than two entities",
        ]  # fmt: skip
        assert main(["predict", rin, "in.txt", "--text", "--entities", "names.csv", "--ignore-case"]) == 0
        assert [len(json.loads(line)["entities"]) for line in capsys.readouterr().out.splitlines()] == [2, 1]

    def test_a_schema_and_what_it_drops(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("schema.json").write_text('{"relations": {"born_in": {"types": [["PER", "ORG"]]}}}')
        assert main(["predict", rin, "in.txt", "--text", "--schema", "schema.json"]) == 0
        out, err = capsys.readouterr()
        assert not any(json.loads(line)["relations"] for line in out.splitlines())
        assert err == "the schema dropped 1 of 1 relation: 1 by types\n"
        assert main(["predict", rin, "in.txt", "--text", "--schema", "schema.json", "--explain"]) == 0
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("in.txt:1: dropped Alan Turing --born_in-> London (0.")
        assert first.endswith(") breaks types: PER to LOC") and second == err.strip()

    def test_a_document_is_judged_as_a_whole(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("schema.json").write_text('{"relations": {"born_in": {"functional": true}}}')
        Path("in.txt").write_text("Alan Turing was born in London. Alan Turing was born in New York.")
        Path("names.csv").write_text("name,type\nAlan Turing,PER\nLondon,LOC\nNew York,LOC\n")
        given = ["in.txt", "--entities", "names.csv", "--schema", "schema.json", "--explain"]
        assert main(["predict", rin, *given]) == 0
        out, err = capsys.readouterr()
        assert len(json.loads(out)["sentences"]) == 2 and len(json.loads(out)["relations"]) == 1
        explained, entities, dropped = err.splitlines()
        assert explained.startswith("in.txt: dropped Alan Turing --born_in-> ") and "breaks functional: " in explained
        assert entities == "4 entities given in 2 sentences"
        assert dropped == "the schema dropped 1 of 2 relations: 1 by functional"
        assert main(["predict", rin, *given, "--window", "2"]) == 0
        assert "4 entities given in 1 window\n" in capsys.readouterr().err

    def test_tables_are_summed_up_as_texts_are(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("pyarrow")
        Path("schema.json").write_text('{"relations": {"born_in": {"types": [["PER", "ORG"]]}}}')
        Path("in.csv").write_text(f"text\n{TEXT}\nalan turing left .\n")
        options = ["--entities", "names.csv", "--schema", "schema.json", "--part-tokens", "1"]
        assert main(["predict", rin, "in.csv", "--column", "text", "--output", "out", *options]) == 0
        assert capsys.readouterr().err.splitlines()[-3:] == [
            "2 entities given in 2 sentences", "  no relations: 1 sentence with fewer than two entities",
            "the schema dropped 1 of 1 relation: 1 by types",
        ]  # fmt: skip

    def test_gold_entities_are_given_in_evaluation(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        gold = {**RECORD, "relations": [{"head": 1, "type": "born_in", "tail": 0}]}
        Path("gold.jsonl").write_text(json.dumps(gold) + "\n")
        assert main(["evaluate", rin, "gold.jsonl", "--given-entities", "--json"]) == 0
        scores = json.loads(capsys.readouterr().out)["gold.jsonl"]["exact_span"]
        assert scores["triples"]["f1"] == scores["entities"]["f1"] == 1.0

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (["--given-entities", "--entities", "names.csv"], "give one of them"),
            (["--ignore-case"], "--ignore-case has no effect without --entities"),
            (["--explain"], "--explain has no effect without --schema"),
            (["--entities", "absent.csv"], "absent.csv: no such file"),
            (["--schema", "names.csv"], "names.csv: no JSON"),
            (["--schema", "unknown.json"], "unknown.json: relations.born: unknown relation; did you mean 'born_in'?"),
        ],
    )
    def test_a_mistake_is_one_message(
        self, rin: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("unknown.json").write_text('{"relations": {"born": {}}}')
        assert main(["predict", rin, "in.jsonl", "--output", "out.jsonl", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == "" and message in err and "Traceback" not in err
        assert not Path("out.jsonl").exists()

    def test_texts_have_no_entities(self, rin: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", rin, "in.txt", "--given-entities"]) == 2
        assert capsys.readouterr().err == (
            "error: in.txt: --given-entities needs records with entities, not text: use --entities FILE\n"
        )

    def test_an_entity_outside_of_the_sentence_is_a_bad_line(
        self, rin: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("in.jsonl").write_text('{"tokens": ["Ann"], "entities": [{"start": 0, "end": 2}]}\n')
        assert main(["predict", rin, "in.jsonl", "--given-entities"]) == 2
        assert "in.jsonl:1: entities[0]: expected 0 <= start < end <= 1 (tokens)" in capsys.readouterr().err
