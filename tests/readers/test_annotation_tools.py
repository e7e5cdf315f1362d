"""Forms of annotation tools: doccano's, Label Studio's and Prodigy's."""

import json

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Relation
from relx.data.json_form import example_from_json
from relx.errors import DataError
from relx.readers import make_reader, read, reader_for

TEXT = "Mira Holt runs Acme."
MIRA, ACME = Entity(0, 2, "PER"), Entity(3, 4, "ORG")


def named(one, other):
    """The two mentions with ids of a tool."""
    return MIRA._replace(id=one), ACME._replace(id=other)


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
    mira, acme = named("31", "32")
    assert (example.id, example.entities, example.relations) == ("7", [mira, acme], [Relation(mira, "runs", acme)])
    assert example.meta == {"Comments": []}


@pytest.mark.parametrize("key", ["label", "labels"])
def test_doccanos_spans(tmp_path, key):
    path = file(tmp_path, {"id": 7, "text": TEXT, key: [[0, 9, "PER"], [15, 19, "ORG"]]})
    assert [example.entities for example in read(path)] == [[MIRA, ACME]]


def test_label_studios_spans_and_relations(tmp_path):
    path = file(tmp_path, task(relation("runs")), as_list=True)
    assert reader_for(path) == "labelstudio"
    (example,) = read(path)
    mira, acme = named("a", "b")
    assert (example.id, example.entities, example.relations) == ("1", [mira, acme], [Relation(mira, "runs", acme)])
    assert example.meta == {"url": "x"}


def test_two_results_of_label_studio_may_label_one_region(tmp_path):
    (example,) = read(file(tmp_path, task(span("a", 0, 9, "BOSS"), relation("runs")), as_list=True))
    mira, acme = named("a", "b")
    boss = Entity(0, 2, "BOSS", id="a")
    assert example.entities == [mira, acme, boss]
    assert example.relations == [Relation(mira, "runs", acme), Relation(boss, "runs", acme)]


def test_the_direction_of_label_studios_relation(tmp_path):
    (example,) = read(file(tmp_path, task(relation("run by", direction="left")), as_list=True))
    mira, acme = named("a", "b")
    assert example.relations == [Relation(acme, "run by", mira)]


def test_what_is_not_read_of_label_studio_is_logged(tmp_path, caplog):
    others = [{"result": [], "was_cancelled": True}, task()["annotations"][0], {"result": []}]
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    path = file(tmp_path, task(choice), task(annotations=others), as_list=True)
    assert [example.entities for example in read(path)] == [[*named("a", "b")]] * 2
    assert "1 tasks have several annotations; the first was read" in caplog.text
    assert "1 results other than spans with labels and relations are not read" in caplog.text


def test_what_is_chosen_of_label_studio_is_logged(tmp_path, caplog):
    skipped = task(annotations=[{"result": [], "was_cancelled": True}])
    guessed = task(relation("runs", direction="bi"), predictions=[{"result": [span("a", 0, 4, "PER")]}])
    path = file(tmp_path, guessed, skipped, task(annotations=[]), as_list=True)
    assert [len(example.relations) for example in read(path)] == [1, 0, 0]
    assert "1 tasks have predictions (pre-annotations), which are not read; the reader" in caplog.text
    assert "1 relations have both directions (bi); relx reads only the one from from_id to to_id" in caplog.text
    assert "2 tasks have no annotation, or only canceled ones; they have no labels" in caplog.text


def prodigy(*relations, **changes):
    places = [(0, 4), (5, 9), (10, 14), (15, 19), (19, 20)]
    tokens = [{"text": TEXT[s:e], "start": s, "end": e, "id": i, "ws": i != 3} for i, (s, e) in enumerate(places)]
    spans = [
        {"start": 0, "end": 9, "token_start": 0, "token_end": 1, "label": "PER"},
        {"start": 15, "end": 19, "token_start": 3, "token_end": 3, "label": "ORG"},
    ]
    marks = {"_input_hash": 1, "_task_hash": 2, "answer": "accept", "meta": {"source": "x"}}
    return {"text": TEXT, "tokens": tokens, "spans": spans, "relations": list(relations), **marks, **changes}


def test_prodigys_spans_and_relations_between_the_last_tokens_of_spans(tmp_path):
    path = file(tmp_path, prodigy({"head": 1, "child": 3, "label": "runs", "color": "#ddd"}))
    assert reader_for(path) == "prodigy"
    (example,) = read(path)
    assert (example.entities, example.relations) == ([MIRA, ACME], [Relation(MIRA, "runs", ACME)])
    assert (example.meta, len(example.tokens)) == ({"source": "x"}, 5)


def test_prodigys_relations_name_their_spans_where_several_end_with_one_token(tmp_path):
    holt = {"start": 5, "end": 9, "token_start": 1, "token_end": 1, "label": "NAME"}
    boss = {"start": 10, "end": 14, "token_start": 2, "token_end": 2, "label": "VERB"}
    spans = [*prodigy()["spans"], holt]
    relation = {"head": 1, "child": 2, "head_span": holt, "child_span": boss, "label": "of"}
    (example,) = read(file(tmp_path, prodigy(relation, spans=spans)))
    assert example.relations == [Relation(Entity(1, 2, "NAME"), "of", Entity(2, 3, "VERB"))]
    assert len(example.entities) == 4
    with pytest.raises(DataError, match=r"relations\[0\].head: 2 spans end with the token 1; expected one"):
        list(read(file(tmp_path, prodigy({"head": 1, "child": 3, "label": "of"}, spans=spans))))


def test_what_an_annotator_of_prodigy_did_not_accept_is_left_out(tmp_path, caplog):
    path = file(tmp_path, prodigy(answer="reject"), prodigy(), prodigy(answer="ignore"))
    assert len(list(read(path))) == 1
    assert "2 records that were rejected or ignored; they are left out (lines 1, 3)" in caplog.text


def suggested():
    """A sentence with emoji before its mentions, scores, an id and a document."""
    record = {
        "text": "\U0001f600 Mira runs\r\nAcme.", "id": "s1", "meta": {"document": "d", "start": 5},
        "entities": [{"characters": [2, 6], "type": "PER", "score": 0.9}, {"characters": [13, 17], "type": "ORG"}],
        "relations": [{"head": 0, "type": "runs", "tail": 1, "score": 0.25}],
    }  # fmt: skip
    return example_from_json(record, WhitespaceTokenizer())


def test_predictions_for_label_studio(tmp_path):
    path, reader = tmp_path / "tasks.json", make_reader({"type": "labelstudio", "labels": "predicted"})
    reader.write([suggested()], path)
    (task,) = json.loads(path.read_text())
    (prediction,) = task["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.25, "relx")
    span = {"start": 2, "end": 6, "text": "Mira", "labels": ["PER"]}
    place = {"from_name": "label", "to_name": "text"}
    assert prediction["result"][0] == {"id": "relx-1", **place, "type": "labels", "score": 0.9, "value": span}
    assert prediction["result"][2]["labels"] == ["runs"] and prediction["result"][2]["score"] == 0.25
    assert (tmp_path / "tasks.interface.xml").read_text().splitlines() == [
        "<View>", "  <Relations>", '    <Relation value="runs"/>', "  </Relations>",
        '  <Labels name="label" toName="text">', '    <Label value="ORG"/>', '    <Label value="PER"/>', "  </Labels>",
        '  <Text name="text" value="$text"/>', "</View>",
    ]  # fmt: skip
    assert reader_for(path) == "labelstudio" and list(reader.read(path)) == [suggested()]


def test_what_label_studio_adds_changes_no_sentence(tmp_path):
    path, reader = tmp_path / "tasks.json", make_reader("labelstudio")
    reader.write([suggested()], path)
    (task,) = json.loads(path.read_text())
    task |= {"id": 77, "project": 1, "meta": {}, "updated_at": "now"}
    path.write_text(json.dumps([task]))
    assert list(reader.read(path)) == [suggested()]


def test_places_that_count_utf16_units_are_read_so(tmp_path, caplog):
    shifted = [span("a", 3, 7, "PER", text="Mira"), span("b", 14, 18, "ORG", text="Acme")]
    task = {"id": 1, "data": {"text": suggested().text}, "annotations": [{"result": shifted}]}
    (example,) = read(file(tmp_path, task))
    assert [example.mention_text(entity) for entity in example.entities] == ["Mira", "Acme"]
    assert "1 tasks have offsets in UTF-16 units" in caplog.text


def test_what_doccano_reads_and_changes(tmp_path):
    path, reader = tmp_path / "all.jsonl", make_reader("doccano")
    reader.write([suggested(), suggested()], path)
    first, second = map(json.loads, path.read_text().splitlines())
    assert [entity["id"] for record in (first, second) for entity in record["entities"]] == [-1, -2, -1, -2]
    assert second["relations"] == [{"id": 2, "from_id": -1, "to_id": -2, "type": "runs", "score": 0.25}]
    path.write_text(json.dumps({**first, "id": 90, "Comments": []}))
    (example,) = reader.read(path)
    assert example.id == "s1" and example.entities == suggested().entities
    assert example.meta == {"document": "d", "start": 5, "Comments": []}


def test_ids_that_doccano_cannot_hold_are_counted(tmp_path, caplog):
    one, other = named("31", "T2")
    path, reader = tmp_path / "all.jsonl", make_reader("doccano")
    example = example_from_json({"text": TEXT}, WhitespaceTokenizer())
    example.entities = [one, other, one._replace(type="BOSS")]
    reader.write([example], path)
    assert [entity["id"] for entity in json.loads(path.read_text())["entities"]] == [-1, -2, -3]
    assert "3 ids of mentions are left out, since doccano's are numbers" in caplog.text


def test_what_prodigy_reads(tmp_path):
    path, reader = tmp_path / "all.jsonl", make_reader("prodigy")
    reader.write([suggested()], path)
    record = json.loads(path.read_text())
    assert record["tokens"][1] == {"text": "Mira", "start": 2, "end": 6, "id": 1, "ws": True}
    mira = {"start": 2, "end": 6, "token_start": 1, "token_end": 1, "label": "PER", "score": 0.9}
    assert record["spans"][0] == record["relations"][0]["head_span"] == mira
    assert (record["relations"][0]["head"], record["relations"][0]["child"]) == (1, 3)
    assert reader_for(path) == "prodigy" and list(reader.read(path)) == [suggested()]


def test_an_export_with_the_numbers_of_predictions(tmp_path):
    path = file(tmp_path, task(predictions=[3]))
    assert len(list(read(path))) == 1
    with pytest.raises(DataError, match="export.json:1: predictions: the export has their numbers in place of them"):
        list(read(path, '{"type": "labelstudio", "labels": "predicted"}'))


@pytest.mark.parametrize("form", ["labelstudio", "doccano", "prodigy"])
def test_a_text_of_several_sentences_may_be_split_anew(tmp_path, form):
    text = "Mira runs Acme. It is in Rome."
    record = {"text": text, "id": "d", "entities": [{"characters": p, "type": "X"} for p in ([0, 4], [25, 29])]}
    whole = example_from_json({**record, "relations": [{"head": 0, "type": "in", "tail": 1}]}, WhitespaceTokenizer())
    make_reader(form).write([whole], tmp_path / "out")
    assert list(make_reader(form).read(tmp_path / "out")) == [whole]
    first, second = make_reader({"type": form, "window": 1}).read(tmp_path / "out")
    assert (first.text, second.text) == ("Mira runs Acme.", "It is in Rome.")
    assert second.meta["document"] == "d" and second.meta["start"] == 16
    assert first.relations == [Relation(Entity(0, 1, "X"), "in", Entity(None, None, "X", "Rome"))]


@pytest.mark.parametrize("form", ["labelstudio", "doccano", "prodigy"])
def test_mentions_without_a_place_are_counted(tmp_path, caplog, form):
    example = suggested()
    far = Entity(None, None, "PER", "Bo Z")
    example.entities.append(far)
    example.relations.append(Relation(example.entities[0], "knows", far))
    make_reader(form).write([example], tmp_path / "out")
    assert "1 mentions without a place and 1 relations with an argument without a place" in caplog.text
    assert list(make_reader(form).read(tmp_path / "out")) == [suggested()]


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
        (prodigy(spans=[{"start": 0, "end": 4}]), "spans[0].label: missing; expected a string"),
        (prodigy({"head": 4, "child": 3, "label": "x"}), "relations[0].head: 0 spans end with the token 4"),
        (prodigy(relx=[]), "relx: expected an object, got a list of 0"),
        (doccano(relx={"tokenz": []}), "relx.tokenz: unknown key; did you mean 'tokens'?"),
        (task(data={"text": TEXT, "relx": 1}), "data.relx: expected an object, got 1"),
        (task(data={"a": "x", "b": "y"}), "data: expected a text under the key text, or one string alone, got 2"),
    ],
)
def test_a_bad_record(tmp_path, record, message):
    path = file(tmp_path, record)
    with pytest.raises(DataError) as error:
        list(read(path))
    assert f"{path}:1: " in str(error.value) and message in str(error.value)
