import json

import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers.spert import SpertReader

RECORD = {
    "tokens": ["Ann", "Lee", "in", "Lyon"],
    "entities": [{"type": "PER", "start": 0, "end": 2}, {"type": "LOC", "start": 3, "end": 4}],
    "relations": [{"type": "in", "head": 0, "tail": 1}],
    "orig_id": 17,
}
ANN, LYON = Entity(0, 2, "PER"), Entity(3, 4, "LOC")
EXAMPLE = Example(RECORD["tokens"], [ANN, LYON], [Relation(ANN, "in", LYON)], id="17")


def read(tmp_path, *records):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(records, indent=1))
    return list(SpertReader().read(path))


def test_a_sentence(tmp_path):
    assert read(tmp_path, RECORD, {**RECORD, "orig_id": "b", "pos": ["NNP"]})[0] == EXAMPLE


def test_the_id_may_be_absent(tmp_path):
    (example,) = read(tmp_path, {key: value for key, value in RECORD.items() if key != "orig_id"})
    assert example.id is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": None}, "tokens: expected a list, got null"),
        ({"entities": [{"type": "PER", "start": 0, "end": 5}]}, "entities[0]: expected 0 <= start < end <= 4 (tokens)"),
        ({"relations": [{"type": "in", "head": 0, "tail": 2}]}, "relations[0].tail: expected the number of an entity"),
        ({"relations": [{"head": 0, "tail": 1}]}, "relations[0].type: missing"),
    ],
)
def test_a_bad_record(tmp_path, changes, message):
    with pytest.raises(DataError) as error:
        read(tmp_path, RECORD, {**RECORD, **changes})
    assert "s.json:" in str(error.value) and message in str(error.value)


def test_every_key_but_the_id_must_be_there(tmp_path):
    with pytest.raises(DataError, match="entities: missing; expected a list"):
        read(tmp_path, {"tokens": ["a"], "relations": []})


@pytest.mark.parametrize("examples", [[], [EXAMPLE], [EXAMPLE, Example(["a"], id="x")]])
def test_what_is_written_is_read_again(tmp_path, examples):
    path = tmp_path / "out.json"
    SpertReader().write(examples, path)
    assert len(json.loads(path.read_text())) == len(examples)
    if examples:
        assert list(SpertReader().read(path)) == examples


def test_a_sentence_without_an_id_gets_its_number(tmp_path):
    SpertReader().write([Example(["a"]), Example(["b"])], tmp_path / "out.json")
    assert [record["orig_id"] for record in json.loads((tmp_path / "out.json").read_text())] == [0, 1]
