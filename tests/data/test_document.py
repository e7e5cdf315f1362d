"""A document of several sentences: places in its text, names, windows, and its JSON form."""

import json

import pytest

import relx
from relx.data.document import Document, DocumentMention, DocumentRelation, Name, normalized_name
from relx.data.document_json import document_from_json, document_to_json, is_document
from relx.data.example import Entity, Example, Relation
from relx.data.json_validation import BadRecord

TEXT = "Ann Lee moved.\n\nThe  U.S.-born lee saw ANN LEE."
ANN, MOVED = Entity(0, 2, "PER", score=0.9), Entity(2, 3, "ACT")
US, ANN_AGAIN = Entity(1, 2, "LOC", "U.S.", characters=(5, 9)), Entity(4, 6, "PER")


def sentence(start: int, end: int, *tokens: str) -> Example:
    text, offsets, place = TEXT[start:end], [], 0
    for token in tokens:
        place = text.index(token, place)
        offsets.append((place, place + len(token)))
        place += len(token)
    return Example(list(tokens), text=text, offsets=offsets)


@pytest.fixture
def document() -> Document:
    first = sentence(0, 14, "Ann", "Lee", "moved", ".")
    second = sentence(16, len(TEXT), "The", "U.S.-born", "lee", "saw", "ANN", "LEE", ".")
    first.entities, first.relations = [ANN, MOVED], [Relation(ANN, "did", MOVED, 0.5)]
    second.entities = [US, ANN_AGAIN]
    crossing = [DocumentRelation(DocumentMention(1, ANN_AGAIN), "is", DocumentMention(0, ANN), 0.25, 1)]
    return Document(TEXT, [first, second], [0, 16], crossing, id="a", meta={"year": 1})


def test_it_is_a_public_name() -> None:
    assert relx.Document is Document


def test_mentions_have_places_in_the_text(document: Document) -> None:
    places = [document.characters(mention) for mention in document.mentions()]
    assert [TEXT[slice(*place)] for place in places if place] == ["Ann Lee", "moved", "U.S.", "ANN LEE"]
    assert [relation.crosses for relation in document.relations()] == [False, True]


def test_mentions_of_one_type_and_name_are_one_name(document: Document) -> None:
    assert document.names() == [
        Name("PER", "Ann Lee", [(0, 7), (39, 46)]), Name("ACT", "moved", [(8, 13)]), Name("LOC", "U.S.", [(21, 25)]),
    ]  # fmt: skip


@pytest.mark.parametrize("spelling", ["Ann Lee", "ANN\n LEE", "“Ann Lee”", "Ann  Lee,", "Ａnn Lee"])
def test_case_width_blanks_and_marks_around_a_name_do_not_matter(spelling: str) -> None:
    assert normalized_name(spelling) == "ann lee"


def test_a_name_of_marks_alone_is_kept() -> None:
    assert normalized_name("+") == "+"


def test_its_json_form_gives_places_in_the_document(document: Document) -> None:
    record = document_to_json(document)
    assert [(e["id"], e["sentence"], TEXT[e["start"] : e["end"]]) for e in record["entities"]] == [
        ("T1", 0, "Ann Lee"), ("T2", 0, "moved"), ("T3", 1, "U.S."), ("T4", 1, "ANN LEE"),
    ]  # fmt: skip
    assert record["relations"] == [
        {"type": "did", "head": "T1", "tail": "T2", "score": 0.5},
        {"type": "is", "head": "T4", "tail": "T1", "score": 0.25},
    ]
    assert [TEXT[slice(*place)] for place in record["sentences"][1]["offsets"]] == document.sentences[1].tokens
    assert record["mentions"][0] == {"type": "PER", "name": "Ann Lee", "count": 2, "places": [[0, 7], [39, 46]]}


def test_what_was_written_is_read_again(document: Document) -> None:
    record = json.loads(json.dumps(document_to_json(document)))
    assert is_document(record) and not is_document({"text": "a", "sentences": [["a"]]})
    assert document_from_json(record) == document


def test_mentions_keep_their_ids(document: Document) -> None:
    document.sentences[0].entities[1] = MOVED._replace(id="m1")
    document.sentences[0].relations = []
    record = document_to_json(document)
    assert [entity["id"] for entity in record["entities"]] == ["T1", "m1", "T3", "T4"]
    assert document_from_json(record) == document


def test_arguments_that_are_no_entities_and_mentions_without_a_place_are_written(document: Document) -> None:
    gone = Entity(None, None, "PER", "Bo")
    document.sentences[0].entities = [gone]
    record = document_to_json(document)
    assert [entity.get("start") for entity in record["entities"]] == [None, 0, 8, 21, 39]
    assert document_from_json(record).sentences[0].entities == [gone, ANN, MOVED]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("sentences", 0, "end"), 99, r"sentences\[0\]: expected 0 <= start < end <= 47"),
        (("sentences", 1, "start"), -1, r"sentences\[1\]: expected 0 <="),
        (("sentences", 0, "start"), 20, r"sentences\[0\]: expected 0 <="),
        (("entities", 1, "id"), "T1", r'entities\[1\].id: "T1" is the id of another entity already'),
        (("entities", 0, "start"), "0", r"entities\[0\].start: expected a whole number"),
        (("entities", 0, "end"), 20, r"sentences\[0\].entities\[0\].characters: expected 0 <="),
        (("relations", 0, "tail"), "T9", r'relations\[0\].tail: no entity has the id "T9"'),
        (("sentences", 0, "tokens"), ["a"], r"sentences\[0\].offsets: expected one for each of the 1 tokens"),
    ],
)
def test_a_bad_record_is_reported_with_its_place(
    document: Document, path: tuple[str | int, ...], value: object, message: str
) -> None:
    record = place = document_to_json(document)
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    with pytest.raises(BadRecord, match=message):
        document_from_json(record)


def test_sentences_alone_make_a_document() -> None:
    made = Document.of_sentences([Example(["Ann", "came", "."]), Example(["Bo"])], id="x")
    assert (made.text, made.starts) == ("Ann came .\nBo", [0, 11])
    assert made.characters(DocumentMention(1, Entity(0, 1))) == (11, 13)


class TestWindow:
    def test_the_whole_document_is_one_example(self, document: Document) -> None:
        whole = document.whole()
        assert whole.text == TEXT and len(whole) == 11
        assert [TEXT[slice(*offset)] for offset in whole.offsets or ()] == whole.tokens
        assert [whole.mention_text(e) for e in whole.entities] == ["Ann Lee", "moved", "U.S.", "ANN LEE"]
        assert whole.relations[1] == Relation(Entity(8, 10, "PER"), "is", ANN, 0.25)

    def test_a_relation_that_leads_out_of_it_stays_with_the_sentence_that_lists_it(self, document: Document) -> None:
        assert len(document.window(0, 1).relations) == 1
        [relation] = document.window(1, 2).relations
        assert relation == Relation(ANN_AGAIN, "is", Entity(None, None, "PER", "Ann Lee"), 0.25)

    def test_it_has_the_annotations_that_all_its_sentences_have(self) -> None:
        first = Example(["Ann", "came"], pos_tags=["X", "Y"], dependency_heads=[2, 0], deprels=["s", "r"])
        second = Example(["Bo", "too"], pos_tags=["X", "Z"], dependency_heads=[0, 1], deprels=["r", "a"])
        whole = Document.of_sentences([first, second]).whole()
        assert (whole.pos_tags, whole.deprels) == (["X", "Y", "X", "Z"], ["s", "r", "r", "a"])
        assert whole.dependency_heads == [2, 0, 0, 3]
        second.pos_tags = second.dependency_heads = None
        whole = Document.of_sentences([first, second]).whole()
        assert (whole.pos_tags, whole.dependency_heads, whole.deprels) == (None, None, None)


def test_a_document_is_shown_with_its_triples() -> None:
    ann, oslo = Entity(0, 1, "PER"), Entity(2, 3, "<b>", score=0.9)
    sentences = [
        Example(["Ann", "visited", "Oslo", "."], [ann, oslo]),
        Example(["Bob", "sings", "."], [Entity(0, 1, "PER")]),
    ]
    document = Document.of_sentences(sentences)
    document.relate(DocumentMention(0, ann), "visited", DocumentMention(0, oslo), 0.9)
    document.relate(DocumentMention(1, Entity(0, 1, "PER")), "knows", DocumentMention(0, ann))
    assert repr(document) == (
        "Document('Ann visited Oslo .\\nBob sings .', 3 entities, 2 relations)\n"
        "  Ann  visited  Oslo  0.90\n"
        "  Bob  knows    Ann"
    )
    shown = document._repr_html_()
    assert "<td>Ann</td><td>PER</td><td>1</td>" in shown and "<td>Oslo</td><td>&lt;b&gt;</td><td>1</td>" in shown
    assert "<td>Bob</td><td>knows</td><td>Ann</td><td></td>" in shown
    assert Document("x" * 9_999)._repr_html_() == f"<p>{'x' * 2_000}...</p>"
