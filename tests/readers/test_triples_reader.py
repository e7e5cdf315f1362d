import json

import pytest

from relx.data.example import Entity, Relation
from relx.errors import DataError
from relx.readers.triples import TriplesReader

TEXT = "Ann Lee left  Bogota for Lyon , Lyon"
TOKENS = TEXT.split()
ANN, BOGOTA, LYON = Entity(0, 2), Entity(3, 4, text="Bogotá"), Entity(5, 6)
TRIPLES = [["Ann Lee", "left", "Bogotá"], ["Ann Lee", "lives", "Lyon"], ["Ann Lee", "lives", "Lyon"]]
RELATIONS = [Relation(ANN, "left", BOGOTA), Relation(ANN, "lives", LYON), Relation(ANN, "lives", LYON)]


def read(tmp_path, record, **options):
    path = tmp_path / "triples.json"
    path.write_text(json.dumps([record], indent=1))
    (example,) = TriplesReader(**options).read(path)
    return example


def error_of(tmp_path, record):
    with pytest.raises(DataError) as error:
        read(tmp_path, record)
    return str(error.value).removeprefix(str(tmp_path / "triples.json"))


def mention(head, label, tail):
    return {"em1Text": head, "em2Text": tail, "label": label}


def test_triple_list(tmp_path):
    example = read(tmp_path, {"text": TEXT, "triple_list": TRIPLES})
    assert (example.tokens, example.text) == (TOKENS, TEXT)
    assert [TEXT[slice(*offset)] for offset in example.offsets] == TOKENS
    assert example.relations == RELATIONS
    assert example.entities == [ANN, BOGOTA, LYON]


def test_relation_mentions(tmp_path):
    record = {
        "sentText": f'"{TEXT}"\r\n',
        "relationMentions": [mention(*triple) for triple in TRIPLES] + [mention("Lyon", "None", "Bogota")],
        "articleId": "x",
    }
    example = read(tmp_path, record)
    assert (example.tokens, example.text) == (TOKENS, TEXT)
    assert example.relations == RELATIONS


def test_entity_mentions_give_types_and_further_entities(tmp_path):
    record = {
        "sentText": TEXT,
        "relationMentions": [mention("Ann Lee", "lives", "Lyon")],
        "entityMentions": [
            {"start": 0, "text": "Ann Lee", "label": "PERSON"},
            {"start": 1, "text": "Lyon", "label": "LOCATION"},
            {"start": 2, "text": "Bogota", "label": "LOCATION"},
        ],
    }
    example = read(tmp_path, record)
    ann, lyon = Entity(0, 2, "PERSON"), Entity(5, 6, "LOCATION")
    assert example.entities == [ann, Entity(3, 4, "LOCATION"), lyon]
    assert example.relations == [Relation(ann, "lives", lyon)]


def test_spo_details_say_where_and_which_type(tmp_path):
    record = {
        "tokens": TOKENS,
        "spo_list": [["Ann Lee", "lives", "Lyon"]],
        "spo_details": [[0, 2, "PER", "lives", 7, 8, "None-label"]],
        "pos_tags": ["X"] * 8,
    }
    example = read(tmp_path, record)
    assert example.relations == [Relation(Entity(0, 2, "PER"), "lives", Entity(7, 8))]
    assert (example.tokens, example.pos_tags, example.text) == (TOKENS, ["X"] * 8, None)


def test_spo_list_alone_is_located_by_text(tmp_path):
    assert read(tmp_path, {"tokens": TOKENS, "spo_list": TRIPLES}).relations == RELATIONS


def test_all_occurrences(tmp_path):
    example = read(tmp_path, {"text": TEXT, "triple_list": TRIPLES[1:2]}, occurrences="all")
    assert example.relations == [Relation(ANN, "lives", LYON), Relation(ANN, "lives", Entity(7, 8))]


def test_what_is_not_in_the_text_is_kept(tmp_path):
    example = read(tmp_path, {"text": TEXT, "triple_list": [["Ann Lee", "lives", "Paris"]]})
    lost = Entity(None, None, None, "Paris")
    assert example.entities == [ANN, lost]
    assert example.relations == [Relation(ANN, "lives", lost)]


def test_a_sentence_without_triples(tmp_path):
    assert read(tmp_path, {"text": TEXT, "triple_list": []}).relations == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (3, ":2: record: expected an object, got 3"),
        ({"text": TEXT}, ":2: expected one of the keys triple_list, relationMentions, spo_details"),
        ({"triple_list": []}, ":2: text: missing; expected a string"),
        ({"text": TEXT, "triple_list": [["a", "b"]]}, ":2: triple_list[0]: expected [subject, relation, object]"),
        ({"text": TEXT, "triple_list": [["a", "b", 3]]}, ":2: triple_list[0]: expected a string, got 3"),
        ({"text": TEXT, "triple_list": [["", "b", "c"]]}, ":2: triple_list[0][0]: expected the text of a mention"),
        (
            {"sentText": TEXT, "relationMentions": [{"em1Text": "a", "label": "r", "em2Text": " "}]},
            ":2: relationMentions[0].em2Text: expected the text of a mention",
        ),
        (
            {"sentText": TEXT, "relationMentions": [], "entityMentions": [{"text": "", "label": "X"}]},
            ":2: entityMentions[0].text: expected the text of a mention",
        ),
        ({"sentText": TEXT, "relationMentions": [{"em1Text": "a"}]}, ":2: relationMentions[0].label: missing"),
        ({"sentText": TEXT, "relationMentions": [], "entityMentions": [{"text": "a"}]}, ":2: entityMentions[0].label"),
        ({"tokens": ["a"], "spo_details": [[0, 1]]}, ":2: spo_details[0]: expected [head start, head end,"),
        ({"tokens": ["a"], "spo_details": [[0, 2, "X", "r", 0, 1, "X"]]}, ":2: spo_details[0]: expected 0 <= start"),
        ({"tokens": ["a"], "spo_details": [[0, 1, "X", 5, 0, 1, "X"]]}, ":2: spo_details[0]: expected a string, got 5"),
        ({"tokens": ["a"], "spo_list": [], "pos_tags": []}, ":2: pos_tags: expected one for each of the 1 tokens"),
    ],
)
def test_bad_records(tmp_path, record, message):
    assert error_of(tmp_path, record).startswith(message)


def test_texts_of_several_types_are_counted(tmp_path, caplog):
    mentions = [{"text": "Ann", "label": label} for label in ("PER", "LOC")]
    record = {"sentText": "Ann left", "relationMentions": [], "entityMentions": mentions}
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert [entity.type for example in TriplesReader().read(tmp_path / "a.json") for entity in example.entities] == [
        "LOC"
    ]
    assert "1 texts with several types in entityMentions; relx uses the last (lines 1)" in caplog.text


def test_triples_in_several_forms_are_counted(tmp_path, caplog):
    both = {"text": "Ann left", "triple_list": [["Ann", "x", "left"]], "sentText": "Ann left", "relationMentions": []}
    assert len(read(tmp_path, both).relations) == 1
    assert (
        "1 records with triples in several forms; relx reads the first of triple_list, relationMentions" in caplog.text
    )
