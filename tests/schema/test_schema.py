import json
from pathlib import Path

import pytest

from relx.errors import DataError
from relx.schema import Argument, Fact, RelationRules, Schema, enforce, propose

ANN, BO, OSLO, ROME = Argument("PER", "Ann"), Argument("PER", "Bo"), Argument("LOC", "Oslo"), Argument("LOC", "Rome")


def people(count: int) -> list[list[Fact]]:
    return [[Fact(Argument("PER", f"person {i}"), "born_in", OSLO)] for i in range(count)]


def test_what_never_happens_is_forbidden_if_there_are_twenty_triples() -> None:
    rules = propose(people(20)).relations["born_in"]
    seen = {"triples": 20, "heads": 20, "heads_of_several_tails": 0, "both_directions": 0, "self": 0}
    assert rules == RelationRules(frozenset({("PER", "LOC")}), symmetric=False, functional=True, self=False, seen=seen)
    few = propose(people(19)).relations["born_in"]
    assert (few.types, few.symmetric, few.functional, few.self) == (rules.types, None, None, None)


def test_what_happens_once_is_allowed() -> None:
    odd = [
        [Fact(ANN, "born_in", OSLO), Fact(ANN, "born_in", ROME)],
        [Fact(ANN, "born_in", BO), Fact(BO, "born_in", ANN)],
        [Fact(OSLO, "born_in", OSLO)],
    ]
    rules = propose([*people(20), *odd]).relations["born_in"]
    assert (rules.symmetric, rules.functional, rules.self) == (True, False, True)
    assert rules.types == {("PER", "LOC"), ("PER", "PER"), ("LOC", "LOC")}
    assert rules.seen == {"triples": 25, "heads": 24, "heads_of_several_tails": 1, "both_directions": 2, "self": 1}


def test_data_follow_their_own_schema() -> None:
    texts = [*people(20), [Fact(ANN, "knows", BO), Fact(BO, "knows", ANN)], [Fact(ANN, "born_in", ROME)]]
    schema = propose(texts)
    assert not any(enforce(schema, facts) for facts in texts)


def test_an_argument_of_unknown_type_leaves_types_free() -> None:
    assert propose([[Fact(ANN, "r", OSLO), Fact(ANN, "r", Argument(None, "x"))]]).relations["r"].types is None


def test_a_schema_is_read_as_it_was_written(tmp_path: Path) -> None:
    schema = propose([*people(20), [Fact(ANN, "knows", BO)]])
    (tmp_path / "schema.json").write_text(json.dumps(schema.to_json()))
    read = Schema.read(tmp_path / "schema.json")
    assert read.relations["born_in"] == RelationRules(frozenset({("PER", "LOC")}), False, True, False)
    assert read.relations["knows"] == RelationRules(frozenset({("PER", "PER")}))


def faults(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        Schema.read(path)
    return [fault.removeprefix(f"{path}: ") for fault in error.value.faults]


def test_all_faults_are_named_with_their_places(tmp_path: Path) -> None:
    relations = {
        "a": {"types": [["PER", "LOC"], ["PER"], "x"], "functionl": True},
        "b": {"types": "PER", "symmetric": 1, "self": "no"},
        "c": [],
    }
    assert faults(tmp_path / "schema.json", json.dumps({"relations": relations, "types": []})) == [
        "types: unknown key; expected relations",
        "relations.a.functionl: unknown rule; did you mean 'functional'?",
        'relations.a.types[1]: expected a pair [head type, tail type], got ["PER"]',
        'relations.a.types[2]: expected a pair [head type, tail type], got "x"',
        "relations.b.symmetric: expected true or false, got 1",
        'relations.b.self: expected true or false, got "no"',
        'relations.b.types: expected a list of pairs [head type, tail type], got "PER"',
        "relations.c: expected an object with rules such as types, got []",
    ]


@pytest.mark.parametrize("text", ["[]", "{}", '{"relations": []}', "3"])
def test_what_is_no_schema_is_told_the_form(tmp_path: Path, text: str) -> None:
    [fault] = faults(tmp_path / "schema.json", text)
    assert fault == 'expected an object {"relations": {NAME: {...}, ...}}; relx schema proposes one'


@pytest.mark.parametrize("text", ["{", '{"relations": {"a": {}, "a": {}}}', "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    [fault] = faults(tmp_path / "schema.json", text)
    assert fault.startswith("no JSON: ") and fault.endswith("; relx schema proposes one")


def test_unknown_names_are_all_named_with_the_nearest_known_one() -> None:
    schema = Schema({"born": RelationRules(frozenset({("PERS", "LOC"), ("X", "LOC")})), "knows": RelationRules()})
    assert schema.unknown_names(["born_in", "knows"], ["PER", "LOC"]) == [
        "relations.born: unknown relation; did you mean 'born_in'?",
        "relations.born.types: unknown type of entities 'PERS'; did you mean 'PER'?",
        "relations.born.types: unknown type of entities 'X'; known: LOC, PER",
    ]
    assert len(schema.unknown_names(["born_in", "knows"], [])) == 1


def test_an_empty_file_is_told_the_form(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(" \n")
    with pytest.raises(
        DataError, match="schema.json: the file is empty; expected an object .* relx schema proposes one"
    ):
        Schema.read(tmp_path / "schema.json")
