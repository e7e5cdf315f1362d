"""Exports of annotation tools: doccano's and Label Studio's."""

import json

import pytest

from relx.data.example import Entity, Relation
from relx.errors import DataError
from relx.readers import read, reader_for

TEXT = "Mira Holt runs Acme."
MIRA, ACME = Entity(0, 2, "PER"), Entity(3, 4, "ORG")


def file(tmp_path, *records, as_list=False):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(records) if as_list else "\n".join(map(json.dumps, records)))
    return path


def doccano(**changes):
    entities = [
        {"id": 31, "label": "PER", "start_offset": 0, "end_offset": 9},
        {"id": 32, "label": "ORG", "start_offset": 15, "end_offset": 19},
    ]
    relations = [{"id": 3, "from_id": 31, "to_id": 32, "type": "runs"}]
    return {"id": 7, "text": TEXT, "entities": entities, "relations": relations, "Comments": [], **changes}


def span(id, start, end, *labels, **value):
    return {"id": id, "type": "labels", "value": {"start": start, "end": end, "labels": list(labels), **value}}


def relation(*labels, **changes):
    return {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": list(labels), **changes}


def task(*results, **changes):
    spans = [span("a", 0, 9, "PER", text="Mira Holt"), span("b", 15, 19, "ORG")]
    return {"id": 1, "data": {"text": TEXT, "url": "x"}, "annotations": [{"result": [*spans, *results]}], **changes}


def test_doccanos_entities_and_relations(tmp_path):
    path = file(tmp_path, doccano())
    assert reader_for(path) == "doccano"
    (example,) = read(path)
    assert (example.id, example.entities, example.relations) == ("7", [MIRA, ACME], [Relation(MIRA, "runs", ACME)])
    assert example.meta == {"Comments": []}


@pytest.mark.parametrize("key", ["label", "labels"])
def test_doccanos_spans(tmp_path, key):
    path = file(tmp_path, {"id": 7, "text": TEXT, key: [[0, 9, "PER"], [15, 19, "ORG"]]})
    assert [example.entities for example in read(path)] == [[MIRA, ACME]]


def test_label_studios_spans_and_relations(tmp_path):
    path = file(tmp_path, task(relation("runs")), as_list=True)
    assert reader_for(path) == "label_studio"
    (example,) = read(path)
    assert (example.id, example.entities, example.relations) == ("1", [MIRA, ACME], [Relation(MIRA, "runs", ACME)])
    assert example.meta == {"url": "x"}


def test_two_results_of_label_studio_may_label_one_region(tmp_path):
    (example,) = read(file(tmp_path, task(span("a", 0, 9, "BOSS"), relation("runs")), as_list=True))
    boss = Entity(0, 2, "BOSS")
    assert example.entities == [MIRA, ACME, boss]
    assert example.relations == [Relation(MIRA, "runs", ACME), Relation(boss, "runs", ACME)]


def test_the_direction_of_label_studios_relation(tmp_path):
    (example,) = read(file(tmp_path, task(relation("run by", direction="left")), as_list=True))
    assert example.relations == [Relation(ACME, "run by", MIRA)]


def test_what_is_not_read_of_label_studio_is_logged(tmp_path, caplog):
    others = [{"result": [], "was_cancelled": True}, task()["annotations"][0], {"result": []}]
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    path = file(tmp_path, task(choice), task(annotations=others), as_list=True)
    assert [example.entities for example in read(path)] == [[MIRA, ACME]] * 2
    assert "1 tasks have several annotations; the first was read" in caplog.text
    assert "1 results other than spans with labels and relations are not read" in caplog.text


def test_what_is_chosen_of_label_studio_is_logged(tmp_path, caplog):
    skipped = task(annotations=[{"result": [], "was_cancelled": True}])
    guessed = task(relation("runs", direction="bi"), predictions=[{"result": [span("a", 0, 4, "PER")]}])
    path = file(tmp_path, guessed, skipped, task(annotations=[]), as_list=True)
    assert [len(example.relations) for example in read(path)] == [1, 0, 0]
    assert "1 tasks have predictions (pre-annotations), which are not read" in caplog.text
    assert "1 relations have both directions (bi); they are read from from_id to to_id alone" in caplog.text
    assert "2 tasks have no annotation, or only cancelled ones; they have no labels" in caplog.text


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (doccano(relations=[{"from_id": 31, "to_id": 9, "type": "x"}]), "relations[0].to_id: no entity of this record"),
        (doccano(entities=[{"id": 1, "start_offset": 0, "end_offset": 9}]), "entities[0].label: missing"),
        (doccano(entities=[doccano()["entities"][0]] * 2), "entities[1].id: 31 is the id of entities[0] already"),
        (
            doccano(entities=[{**doccano()["entities"][0], "id": [31]}]),
            "entities[0].id: expected a whole number, got a",
        ),
        (
            doccano(entities=[{**doccano()["entities"][0], "id": True}]),
            "entities[0].id: expected a whole number, got t",
        ),
        (task(span("a", 15, 19, "ORG")), 'annotations[0].result[2].id: "a" is the id of another span of this task'),
        (task(span(["a"], 15, 19, "ORG")), "annotations[0].result[2].id: expected a string, got a list of 1"),
        ({"text": TEXT, "label": [[0, 9, "PER"], [1]]}, "label[1]: expected [start, end, label], got a list of 1"),
        (task(relation("runs", to_id="z")), "annotations[0].result[2].to_id: no span of this task has the id 'z'"),
        (task(relation()), "annotations[0].result[2].labels: expected the type of the relation"),
        (task(span("c", 0, 4, "PER", text="Acme")), 'text: "Acme", but characters 0 to 4 are "Mira"'),
        (task(data={"a": "x", "b": "y"}), "data: expected a text under the key text, or one string alone, got 2"),
    ],
)
def test_a_bad_record(tmp_path, record, message):
    path = file(tmp_path, record)
    with pytest.raises(DataError) as error:
        list(read(path))
    assert f"{path}:1: " in str(error.value) and message in str(error.value)
