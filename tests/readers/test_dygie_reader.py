import json
import logging

import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers.dygie import DygieReader

FIRST, SECOND = ["Ann", "Lee", "moved", "-LRB-", "Lyon", "-RRB-"], ["Bo", "followed", "."]
ANN, LYON, BO = Entity(0, 2, "PER"), Entity(4, 5, "LOC"), Entity(0, 1, "PER")


def document(**changes):
    return {
        "doc_key": "a",
        "clusters": [[[0, 1], [6, 6]]],
        "sentences": [FIRST, SECOND],
        "ner": [[[0, 1, "PER"], [4, 4, "LOC"]], [[6, 6, "PER"]]],
        "relations": [[[0, 1, 4, 4, "in"]], []],
        **changes,
    }


def write(tmp_path, *records):
    path = tmp_path / "d.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(tmp_path, **changes):
    return list(DygieReader().read(write(tmp_path, document(**changes))))


def error_of(tmp_path, **changes):
    with pytest.raises(DataError) as error:
        read(tmp_path, **changes)
    return str(error.value).removeprefix(str(tmp_path / "d.json"))


def test_positions_of_the_document_become_positions_of_its_sentences(tmp_path):
    first, second = read(tmp_path)
    assert (first.tokens, first.entities, first.relations) == (FIRST, [ANN, LYON], [Relation(ANN, "in", LYON)])
    assert (second.tokens, second.entities, second.relations) == (SECOND, [BO], [])


def test_sentences_know_their_document(tmp_path):
    sentences = list(DygieReader().read(write(tmp_path, document(), document(doc_key="b"))))
    assert [example.id for example in sentences] == ["a:0", "a:1", "b:0", "b:1"]
    assert [example.meta for example in sentences] == 2 * [{"document": "a"}] + 2 * [{"document": "b"}]


def test_a_relation_of_two_sentences_is_kept_and_counted(tmp_path, caplog):
    first, second = read(tmp_path, relations=[[], [[6, 6, 0, 1, "knows"], [4, 4, 6, 6, "of"]]])
    lyon, ann = Entity(None, None, "LOC", "Lyon"), Entity(None, None, "PER", "Ann Lee")
    assert second.relations == [Relation(BO, "knows", ann), Relation(lyon, "of", BO)]
    assert (first.entities, second.entities) == ([ANN, LYON], [BO])
    assert "2 relations join two sentences" in caplog.text


def test_nothing_is_logged_without_such_relations(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    read(tmp_path)
    assert not caplog.records


def test_an_argument_that_is_no_mention_has_no_type(tmp_path):
    first, _ = read(tmp_path, relations=[[[2, 2, 0, 1, "r"]], []])
    assert first.relations == [Relation(Entity(2, 3), "r", ANN)]


def test_labels_may_be_absent(tmp_path):
    path = write(tmp_path, {"sentences": [FIRST, []]})
    assert list(DygieReader().read(path)) == [Example(FIRST), Example([])]


def test_documents_without_a_sentence(tmp_path):
    assert error_of(tmp_path, sentences=[], ner=[], relations=[]) == ": holds no sentence"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentences": [FIRST, ["a", 1]]}, ":1: sentences[1][1]: expected a string, got 1"),
        ({"sentences": [[" "], SECOND]}, ':1: sentences[0][0]: expected a word, got " "'),
        ({"ner": [[]]}, ":1: ner: expected a list for each of the 2 sentences, got 1"),
        ({"ner": [[[0, "PER"]], []]}, ":1: ner[0][0]: expected [start, end, type], got a list of 2"),
        ({"ner": [[], [[5, 6, "PER"]]]}, ":1: ner[1][0]: expected 6 <= start <= end <= 8 (tokens of the document)"),
        ({"ner": [[[1, 0, "PER"]], []]}, ":1: ner[0][0]: expected 0 <= start <= end <= 5"),
        ({"ner": [[[0, 6, "PER"]], []]}, ":1: ner[0][0]: expected 0 <= start <= end <= 5"),
        ({"ner": [[[0, 1, 7]], []]}, ":1: ner[0][0]: expected a string, got 7"),
        ({"relations": [[[0, 1, 4, 9, "in"]], []]}, ":1: relations[0][0]: expected 0 <= start <= end <= 8"),
        ({"relations": [[[0, 1, 4, "in"]], []]}, "expected [head start, head end, tail start, tail end, type]"),
        ({"doc_key": 3.5}, ":1: doc_key: expected a string or a whole number, got 3.5"),
    ],
)  # fmt: skip
def test_a_bad_document(tmp_path, changes, message):
    assert message in error_of(tmp_path, **changes)


def test_what_is_written_is_read_again(tmp_path):
    sentences = list(DygieReader().read(write(tmp_path, document(), document(doc_key="b"))))
    DygieReader().write(sentences, tmp_path / "out.json")
    assert list(DygieReader().read(tmp_path / "out.json")) == sentences
    assert len((tmp_path / "out.json").read_text().splitlines()) == 2


def test_sentences_without_a_document_are_written_as_documents_of_their_own(tmp_path):
    DygieReader().write([Example(FIRST, id="x"), Example(SECOND)], tmp_path / "out.json")
    records = [json.loads(line) for line in (tmp_path / "out.json").read_text().splitlines()]
    assert [(record["doc_key"], record["sentences"]) for record in records] == [("x", [FIRST]), ("1", [SECOND])]


def test_what_dygie_predicted_is_read_where_it_is_asked_for(tmp_path):
    path = tmp_path / "predicted.jsonl"
    scored = {"predicted_ner": [[[0, 0, "PER", 9.1, 0.99]]], "predicted_relations": [[[0, 0, 1, 1, "is", 2.0, 0.8]]]}
    document = {"doc_key": 5, "sentences": [["Ann", "Bo"]], "ner": [[[1, 1, "PER"]]], **scored}
    path.write_text(json.dumps(document))
    (gold,), (predicted,) = (list(DygieReader(labels).read(path)) for labels in ("gold", "predicted"))
    assert (gold.id, gold.entities, gold.relations) == ("5:0", [Entity(1, 2, "PER")], [])
    assert predicted.entities == [Entity(0, 1, "PER")]
    assert [(r.head.span, r.type, r.tail.span) for r in predicted.relations] == [((0, 1), "is", (1, 2))]


def test_documents_of_one_key_are_counted(tmp_path, caplog):
    path = write(tmp_path, document(), document(), document(doc_key="other"), document(doc_key=None), document())
    reader = DygieReader()
    for _ in range(2):
        list(reader.read(path))
    assert caplog.text.count("2 documents with the doc_key of an earlier one") == 2
    assert "(lines 2, 5)" in caplog.text
