import json

import pytest

from relx.data.example import Entity, Relation
from relx.errors import DataError
from relx.readers.hrl import HrlReader

SENTENCE = "Ann Lee met Bo in Old Lyon near Lyon"
WORDS = SENTENCE.split()
ANN, BO, OLD_LYON, LYON = Entity(0, 2), Entity(3, 4), Entity(5, 7), Entity(8, 9)
TAGS = [4, 1, 0, 6, 0, 5, 2, 0, 0]


def relation(tags=TAGS, rtext="lives", em1="Ann Lee", em2="Old Lyon", **more):
    return {"rtext": rtext, "em1": em1, "em2": em2, "tags": tags, **more}


def read(tmp_path, *relations, sentext=SENTENCE, **options):
    path = tmp_path / "hrl.json"
    path.write_text("\n" + json.dumps({"sentext": sentext, "relations": relations}) + "\n")
    (example,) = HrlReader(**options).read(path)
    return example


def error_of(tmp_path, *relations, **more):
    with pytest.raises(DataError) as error:
        read(tmp_path, *relations, **more)
    return str(error.value).removeprefix(str(tmp_path / "hrl.json"))


def test_tags_mark_the_spans(tmp_path):
    example = read(tmp_path, relation(), relation([4, 1, 0, 5, 0, 6, 3, 0, 0], "met", em2="Bo"))
    assert example.tokens == WORDS
    assert example.entities == [ANN, BO, OLD_LYON]
    assert example.relations == [Relation(ANN, "lives", OLD_LYON), Relation(ANN, "met", BO)]
    assert [example.text[slice(*offset)] for offset in example.offsets] == WORDS


def test_tags_count_where_the_text_differs(tmp_path):
    example = read(tmp_path, relation(em1="someone else"))
    assert example.relations == [Relation(ANN, "lives", OLD_LYON)]


@pytest.mark.parametrize(
    "sentext",
    [
        '"{}"\r\n',
        '"{}\n"\n',
        '" {} "\n',
        "\t{} \r\n",
        '""{}',
    ],
)
@pytest.mark.parametrize("tagged_quotes", [False, True])
def test_stray_quotes_and_line_ends(tmp_path, sentext, tagged_quotes):
    sentence = sentext.format(SENTENCE)
    extra = len(sentence.split()) - len(WORDS)
    tags = [0] * (extra // 2) + TAGS + [0] * (extra // 2) if tagged_quotes else TAGS
    example = read(tmp_path, relation(tags), sentext=sentence)
    assert example.tokens == WORDS
    assert example.relations == [Relation(ANN, "lives", OLD_LYON)]


def test_none_is_no_relation_but_its_tags_mark_entities(tmp_path):
    example = read(tmp_path, relation(rtext="None", em1="", em2=""))
    assert (example.relations, example.entities) == ([], [ANN, BO, OLD_LYON])
    assert read(tmp_path, relation([0] * 9, rtext="None")).entities == []
    assert read(tmp_path).entities == []


def test_several_spans_of_a_role(tmp_path):
    tags = [4, 1, 0, 0, 0, 5, 2, 0, 5]
    assert read(tmp_path, relation(tags)).relations == [Relation(ANN, "lives", OLD_LYON)]
    assert read(tmp_path, relation(tags, em2="Lyon")).relations == [Relation(ANN, "lives", LYON)]
    assert read(tmp_path, relation(tags, em2="elsewhere")).relations == [Relation(ANN, "lives", OLD_LYON)]
    both = read(tmp_path, relation(tags), occurrences="all").relations
    assert both == [Relation(ANN, "lives", OLD_LYON), Relation(ANN, "lives", LYON)]


def test_a_role_without_a_span_is_located_by_text_in_any_case(tmp_path):
    tags = [4, 1, 0, 0, 0, 0, 0, 0, 0]
    assert read(tmp_path, relation(tags, em2="old LYON")).relations[0].tail.span == (5, 7)
    lost = read(tmp_path, relation(tags, em2="Paris")).relations[0].tail
    assert lost == Entity(None, None, None, "Paris")


def test_an_inside_tag_of_another_role_begins_a_span(tmp_path):
    example = read(tmp_path, relation([4, 2, 0, 0, 0, 0, 0, 0, 0]))
    assert example.entities == [Entity(0, 1), Entity(1, 2)]
    assert read(tmp_path, relation([4, 4, 0, 0, 0, 5, 5, 2, 2])).entities == [
        Entity(0, 1), Entity(1, 2), Entity(5, 6), Entity(6, 9),
    ]  # fmt: skip


def test_a_span_may_end_the_sentence(tmp_path):
    assert read(tmp_path, relation([0, 0, 0, 0, 0, 0, 0, 4, 1])).relations[0].head == Entity(7, 9)


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        ([relation(TAGS[:-1])], "relations[0].tags: expected a tag for each of the 9 tokens of sentext, got 8"),
        ([relation(), relation([7] * 9)], "relations[1].tags[0]: expected 0 to 6"),
        ([relation([-1] * 9)], "relations[0].tags[0]: expected 0 to 6"),
        ([relation(["4"] * 9)], 'relations[0].tags[0]: expected a whole number, got "4"'),
        ([relation(em1=None)], "relations[0].em1: expected a string, got null"),
        ([{"em1": "Ann"}], "relations[0].rtext: missing; expected a string"),
        ([3], "relations[0]: expected an object, got 3"),
        ([relation([0] * 9, em1="")], "relations[0].em1: expected the text of a mention"),
    ],
)
def test_bad_records(tmp_path, relations, message):
    assert error_of(tmp_path, *relations).startswith(f":2: {message}")


def test_a_record_that_is_no_sentence(tmp_path):
    path = tmp_path / "hrl.json"
    path.write_text('{"text": "a"}')
    with pytest.raises(DataError, match=":1: sentext: missing; expected a string"):
        list(HrlReader().read(path))


def test_arguments_that_tags_and_text_tell_otherwise_are_counted(tmp_path, caplog):
    relations = [
        {"rtext": "in", "em1": "Bo", "em2": "Rome", "tags": [4, 0, 5]},
        {"rtext": "in", "em1": "Ann", "em2": "Rome", "tags": [4, 0, 0]},
        {"rtext": "in", "em1": "ann", "em2": "Rome", "tags": [4, 0, 5]},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"sentext": "Ann left Rome", "relations": relations}))
    (example,) = HrlReader().read(tmp_path / "a.json")
    assert [relation.head.span for relation in example.relations] == [(0, 1)] * 3
    assert "1 arguments whose tags mark other words than their text; relx uses the tags (lines 1)" in caplog.text
    assert "1 arguments without a tag; relx locates them by their text (lines 1)" in caplog.text
